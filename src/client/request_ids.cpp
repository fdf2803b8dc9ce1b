#include "client/request_ids.hpp"

#include "support/process.hpp"

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid.hpp>
#include <openssl/rand.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>
#include <stdexcept>

namespace azkv::client {

namespace {

/// Seeds a random engine with one call of OpenSSL. (Boost's generator fetches the words from the system one
/// by one, which takes most of the time that creating a store takes.)
class seed {
public:
    using result_type = std::uint_least32_t;

    template <class Iterator>
    void generate(Iterator begin, Iterator end) const {
        const support::fork_pause pause; // OpenSSL has locks
        const auto size = static_cast<std::size_t>(end - begin) * sizeof *begin;
        const bool done =
            RAND_bytes(reinterpret_cast<unsigned char*>(std::to_address(begin)), static_cast<int>(size)) == 1;
        if (!done) throw std::runtime_error("OpenSSL could not generate random numbers");
    }
};

std::mt19937_64 seeded() {
    seed s;
    return std::mt19937_64(s);
}

} // namespace

class request_ids::generator {
public:
    boost::uuids::uuid next() {
        const std::lock_guard lock(mutex_);
        if (const unsigned process = support::process_number(); process != process_) {
            random_ = seeded();
            process_ = process;
        }
        return ids_();
    }

private:
    std::mutex mutex_; // guards what follows
    std::mt19937_64 random_ = seeded();
    boost::uuids::basic_random_generator<std::mt19937_64> ids_{random_};
    unsigned process_ = support::process_number();
};

request_ids::request_ids(const async::context_owner& process)
    : process_(process), generator_(std::make_unique<generator>()) {}

request_ids::~request_ids() = default;

uuid_text request_ids::next() {
    // Another thread of the parent may have held the mutex.
    if (*process_ != support::process_number()) return uuid_text(boost::uuids::uuid());
    return uuid_text(generator_->next());
}

} // namespace azkv::client
