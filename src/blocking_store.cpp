#include "account.hpp"
#include "protocol/connection_string.hpp"
#include "protocol/trace_context.hpp"
#include "store_implementation.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/store.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>

namespace azkv {

namespace {

using std::chrono::steady_clock;

/// A store on an execution context of its own. One thread at a time uses it.
class session {
public:
    explicit session(const std::shared_ptr<const account>& a)
        : store(detail::store_access::make(context_.get_executor(), a, false)) {}

    /// Runs one operation to its end on this thread.
    template <class T>
    T run(asio::awaitable<T> operation) {
        bool done = false;
        std::exception_ptr failure;
        [[maybe_unused]] std::conditional_t<std::is_void_v<T>, char, T> result{};
        if constexpr (std::is_void_v<T>) {
            asio::co_spawn(context_, std::move(operation), [&](std::exception_ptr e) {
                done = true;
                failure = e;
            });
        } else {
            asio::co_spawn(context_, std::move(operation), [&](std::exception_ptr e, T t) {
                done = true;
                failure = e;
                result = std::move(t);
            });
        }
        // No longer than this operation: a host look-up that was given up may still be under way.
        context_.restart();
        while (!done) context_.run_one();
        // What the operation gave up, such as a program that was to give a token, is told so now, and not
        // when the next operation comes.
        if (failure) context_.run_for(std::chrono::milliseconds(20));
        if (failure) std::rethrow_exception(failure);
        if constexpr (!std::is_void_v<T>) return result;
    }

private:
    asio::io_context context_{1};

public:
    azkv::store store; // behind the context that it lives on
};

} // namespace

/// The sessions that no call uses. The last used is taken first, so that one thread needs one connection.
class [[gnu::visibility("hidden")]] blocking_store::implementation {
public:
    explicit implementation(std::shared_ptr<const account> a) : account_(std::move(a)) {}

    std::unique_ptr<session> borrow() {
        {
            const std::lock_guard lock(mutex_);
            if (!free_.empty()) {
                auto last = std::move(free_.back().second);
                free_.pop_back();
                return last;
            }
        }
        return std::make_unique<session>(account_);
    }

    void give_back(std::unique_ptr<session> s) {
        std::vector<std::pair<steady_clock::time_point, std::unique_ptr<session>>> expired;
        const auto now = steady_clock::now();
        const std::lock_guard lock(mutex_);
        // Oldest first. What a burst of threads needed is not kept for ever.
        auto fresh = free_.begin();
        while (fresh != free_.end() && fresh->first + account_->options.idle_timeout() < now) ++fresh;
        expired.assign(std::move_iterator(free_.begin()), std::move_iterator(fresh));
        free_.erase(free_.begin(), fresh);
        free_.emplace_back(now, std::move(s));
    }

    template <class Operation>
    auto run(const std::string& trace, Operation operation) {
        class borrowed {
        public:
            explicit borrowed(implementation& owner) : owner_(owner), session(owner.borrow()) {}

            ~borrowed() { owner_.give_back(std::move(session)); }

            implementation& owner_;
            std::unique_ptr<azkv::session> session;
        };

        const borrowed b(*this);
        if (trace.empty()) return b.session->run(operation(b.session->store));
        store traced = detail::store_access::traced(b.session->store, trace);
        return b.session->run(operation(traced));
    }

    /// Drops what no call uses.
    void drop_free() {
        std::vector<std::pair<steady_clock::time_point, std::unique_ptr<session>>> dropped;
        const std::lock_guard lock(mutex_);
        dropped.swap(free_);
    }

private:
    std::shared_ptr<const account> account_;
    std::mutex mutex_; // guards `free_`
    std::vector<std::pair<steady_clock::time_point, std::unique_ptr<session>>> free_;
};

/// A query, with the context that it runs on.
class [[gnu::visibility("hidden")]] blocking_query::state {
public:
    state(std::shared_ptr<blocking_store::implementation> owner, const std::string& trace, std::string filter,
          std::string collection, projection select)
        : owner_(std::move(owner)), session_(owner_->borrow()),
          rows_(detail::store_access::traced(session_->store, trace)
                    .query(std::move(filter), std::move(collection), std::move(select))) {}

    ~state() {
        finish();
    }

    entry* advance() {
        if (at_ < page_.size()) return &page_[at_++];
        if (!rows_) return nullptr;
        page_ = session_->run(rows_->next_page());
        at_ = 0;
        if (page_.empty()) {
            finish();
            return nullptr;
        }
        return &page_[at_++];
    }

private:
    void finish() {
        rows_.reset();
        if (session_) owner_->give_back(std::move(session_));
    }

    std::shared_ptr<blocking_store::implementation> owner_;
    std::unique_ptr<session> session_;
    std::optional<async_generator<entry>> rows_;
    std::vector<entry> page_;
    std::size_t at_ = 0;
};

blocking_query::blocking_query(std::unique_ptr<state> s) : state_(std::move(s)) {}

blocking_query::blocking_query(blocking_query&&) noexcept = default;
blocking_query& blocking_query::operator=(blocking_query&&) noexcept = default;
blocking_query::~blocking_query() = default;

entry* blocking_query::advance() {
    return state_->advance();
}

blocking_store::blocking_store(std::shared_ptr<const account> a)
    : impl_(std::make_shared<implementation>(std::move(a))) {}

blocking_store::blocking_store(std::shared_ptr<implementation> i, std::string trace)
    : impl_(std::move(i)), trace_(std::move(trace)) {}

blocking_store::blocking_store(std::string endpoint, credential credential, store_options options)
    : blocking_store(std::make_shared<const account>(endpoint, credential, std::move(options))) {}

blocking_store blocking_store::from_connection_string(std::string_view connection_string,
                                                      store_options options) {
    return blocking_store(account::from_connection_string(connection_string, std::move(options)));
}

blocking_store blocking_store::from_connection_string(const char* connection_string, store_options options) {
    return from_connection_string(protocol::present(connection_string), std::move(options));
}

blocking_store blocking_store::from_account_and_key(std::string name, secret key, store_options options) {
    return blocking_store(account::from_account_and_key(std::move(name), std::move(key), std::move(options)));
}

blocking_store blocking_store::from_sas_token(std::string endpoint, secret sas, store_options options) {
    return blocking_store(std::move(endpoint), credential::sas(std::move(sas)), std::move(options));
}

blocking_store blocking_store::from_account_and_id(std::string name, store_options options) {
    const std::string url = account::url_of(name, options);
    return from_aad_token(url, std::move(options));
}

blocking_store blocking_store::from_aad_token(std::string endpoint, store_options options) {
    return blocking_store(account::from_identity(endpoint, std::move(options)));
}

blocking_store::blocking_store(blocking_store&&) noexcept = default;
blocking_store& blocking_store::operator=(blocking_store&&) noexcept = default;
blocking_store::~blocking_store() = default;

void blocking_store::put(std::string key, value v, std::string collection) {
    impl_->run(trace_, [&](store& s) { return s.put(std::move(key), std::move(v), std::move(collection)); });
}

void blocking_store::put_all(std::vector<std::pair<std::string, value>> pairs, std::string collection,
                             std::size_t batch_size, put_all_progress progress) {
    impl_->run(trace_, [&](store& s) {
        return s.put_all(std::move(pairs), std::move(collection), batch_size, std::move(progress));
    });
}

std::optional<value> blocking_store::get(std::string key, std::string collection, projection select) {
    return impl_->run(
        trace_, [&](store& s) { return s.get(std::move(key), std::move(collection), std::move(select)); });
}

std::map<std::string, value> blocking_store::get_all(std::string collection, projection select) {
    return impl_->run(trace_, [&](store& s) { return s.get_all(std::move(collection), std::move(select)); });
}

bool blocking_store::erase(std::string key, std::string collection) {
    return impl_->run(trace_, [&](store& s) { return s.erase(std::move(key), std::move(collection)); });
}

blocking_query blocking_store::query(std::string filter, std::string collection, projection select) {
    return blocking_query(std::make_unique<blocking_query::state>(impl_, trace_, std::move(filter),
                                                                  std::move(collection), std::move(select)));
}

blocking_store blocking_store::with_traceparent(std::string_view traceparent,
                                                std::string_view tracestate) const {
    return blocking_store(impl_, protocol::trace_headers(traceparent, tracestate));
}

bool blocking_store::close(std::chrono::milliseconds limit) {
    const bool finished = impl_->run(trace_, [&](store& s) { return s.close(limit); });
    impl_->drop_free();
    return finished;
}

} // namespace azkv
