#include "store/blocking_session.hpp"

#include "store/store_impl.hpp"

#include <azkv/error.hpp>

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <iterator>

namespace azkv::blocking {

session::session(const std::shared_ptr<const client::service_context>& service)
    : store(detail::store_access::make(context_.get_executor(), service, false)) {}

void session::run(asio::awaitable<void> operation) {
    require_own_process();
    if (!reusable_) throw error(errc::invalid_argument, "an exception interrupted the query; start it again");
    reusable_ = false;
    bool done = false;
    std::exception_ptr failure;
    asio::co_spawn(context_, std::move(operation), [&](std::exception_ptr e) {
        done = true;
        failure = std::move(e);
    });
    context_.restart();
    while (!done) {
        const bool idle = context_.run_one() == 0;
        if (!done && idle)
            throw error(errc::invalid_argument, "the token credential never completed its request");
        require_own_process(); // a callback of the operation may have forked
    }
    // Lets whatever the operation abandoned, such as a program that prints a token, end now instead of during
    // the next operation.
    if (failure) context_.run_for(std::chrono::milliseconds(20));
    reusable_ = true;
    if (failure) std::rethrow_exception(failure);
}

void session::require_own_process() const {
    // The parent process waits on the same descriptors.
    if (process_ != support::process_number())
        throw error(errc::forked, "the operation was started before this process was forked; start it again");
}

session_pool::session_pool(std::shared_ptr<const client::service_context> service)
    : service_(std::move(service)) {}

std::list<session_pool::pooled_session> session_pool::take() {
    std::list<pooled_session> one;
    {
        const std::lock_guard lock(mutex_);
        if (!free_.empty()) one.splice(one.begin(), free_, std::prev(free_.end()));
    }
    if (one.empty()) one.push_back({std::make_unique<session>(service_), {}});
    return one;
}

void session_pool::give_back(std::list<pooled_session> one) noexcept {
    std::list<pooled_session> dropped; // destroyed after the mutex is released
    const auto now = std::chrono::steady_clock::now();
    one.front().since = now;
    const std::lock_guard lock(mutex_);
    auto& kept = one.front().session->is_reusable() ? free_ : dropped;
    kept.splice(kept.end(), one);
    auto fresh = free_.begin(); // the oldest is first
    while (fresh != free_.end() && fresh->since + service_->options.idle_timeout() < now) ++fresh;
    dropped.splice(dropped.end(), free_, free_.begin(), fresh);
}

void session_pool::drop_free() {
    std::list<pooled_session> dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(free_);
}

borrowed_session::borrowed_session(session_pool& from) : from_(from), one_(from.take()) {}

borrowed_session::~borrowed_session() {
    if (from_.process == support::process_number())
        from_.give_back(std::move(one_));
    else
        static_cast<void>(one_.front().session.release()); // leaked, as is the parent's pool
}

} // namespace azkv::blocking
