// Blocking calls: each runs on the caller's thread, on an execution context of its own.
#pragma once

#include "client/call_settings.hpp"
#include "client/service_context.hpp"
#include "store/store_impl.hpp"
#include "support/per_process.hpp"
#include "support/process.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace azkv {

namespace blocking {

/// A store on an execution context of its own. Used by one thread at a time.
class session {
public:
    explicit session(const std::shared_ptr<const client::service_context>& service)
        : store(detail::store_access::make(context_.get_executor(), service, false)) {}

    /// Runs one operation on this thread until it completes. If an exception interrupts the run, handlers of
    /// the operation remain in the context, and the session cannot be used again.
    template <class T>
    T run(asio::awaitable<T> operation) {
        require_own_process();
        if (!reusable_)
            throw error(errc::invalid_argument, "an exception interrupted the query; start it again");
        reusable_ = false;
        outcome<T> o;
        if constexpr (std::is_void_v<T>) {
            asio::co_spawn(context_, std::move(operation), [&o](std::exception_ptr e) {
                o.done = true;
                o.failure = std::move(e);
            });
        } else {
            asio::co_spawn(context_, std::move(operation), [&o](std::exception_ptr e, T t) {
                o.done = true;
                o.failure = std::move(e);
                o.result = std::move(t);
            });
        }
        context_.restart();
        while (!o.done) {
            const bool idle = context_.run_one() == 0;
            if (!o.done && idle)
                throw error(errc::invalid_argument, "the token credential never completed its request");
            require_own_process(); // a callback of the operation may have forked
        }
        // Lets whatever the operation abandoned, such as a program that prints a token, end now instead of
        // during the next operation.
        if (o.failure) context_.run_for(std::chrono::milliseconds(20));
        reusable_ = true;
        if (o.failure) std::rethrow_exception(o.failure);
        if constexpr (!std::is_void_v<T>) return std::move(o.result);
    }

    /// Returns true if it may run another operation.
    bool is_reusable() const { return reusable_; }

private:
    template <class T>
    class outcome {
    public:
        bool done = false;
        std::exception_ptr failure;
        [[no_unique_address]] std::conditional_t<std::is_void_v<T>, std::monostate, T> result{};
    };

    // The parent process waits on the same descriptors.
    void require_own_process() const {
        if (process_ != support::process_number())
            throw error(errc::forked,
                        "the operation was started before this process was forked; start it again");
    }

    const unsigned process_ = support::process_number();
    bool reusable_ = true;
    asio::io_context context_{1};

public:
    azkv::store store; // declared after its context
};

/// The sessions of one process. The most recently used one is taken first, so that a single thread keeps to
/// one connection.
class session_pool {
public:
    explicit session_pool(std::shared_ptr<const client::service_context> service)
        : service_(std::move(service)) {}

    class pooled_session {
    public:
        explicit pooled_session(const std::shared_ptr<const client::service_context>& service)
            : session(std::make_unique<blocking::session>(service)) {}

        std::unique_ptr<blocking::session> session;
        std::chrono::steady_clock::time_point since;
    };

    /// Returns a free session, or a new one.
    std::list<pooled_session> take() {
        std::list<pooled_session> one;
        {
            const std::lock_guard lock(mutex_);
            if (!free_.empty()) one.splice(one.begin(), free_, std::prev(free_.end()));
        }
        if (one.empty()) one.emplace_back(service_);
        return one;
    }

    /// Keeps the session for the next call, and drops those that have been unused for longer than the idle
    /// timeout, as after a burst of threads.
    void give_back(std::list<pooled_session> one) noexcept {
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

    /// Drops the sessions that no call uses.
    void drop_free() {
        std::list<pooled_session> dropped;
        const std::lock_guard lock(mutex_);
        dropped.swap(free_);
    }

    const std::shared_ptr<const client::service_context>& service() const { return service_; }

    const unsigned process = support::process_number();

private:
    const std::shared_ptr<const client::service_context> service_;
    std::mutex mutex_; // guards `free_`
    std::list<pooled_session> free_;
};

/// A session that one call or query holds.
class borrowed_session {
public:
    explicit borrowed_session(session_pool& from) : from_(from), one_(from.take()) {}

    borrowed_session(const borrowed_session&) = delete;
    borrowed_session& operator=(const borrowed_session&) = delete;

    ~borrowed_session() {
        if (from_.process == support::process_number())
            from_.give_back(std::move(one_));
        else
            static_cast<void>(one_.front().session.release()); // leaked, as is the parent's pool
    }

    blocking::session& session() const { return *one_.front().session; }

private:
    session_pool& from_;
    std::list<session_pool::pooled_session> one_;
};

} // namespace blocking

class [[gnu::visibility("hidden")]] blocking_store::implementation {
public:
    explicit implementation(std::shared_ptr<const client::service_context> service)
        : sessions_(std::make_shared<support::per_process<blocking::session_pool>>(
            std::make_unique<blocking::session_pool>(std::move(service)))) {}

    /// Creates a view of `viewed` with other settings.
    implementation(const implementation& viewed, client::call_settings settings)
        : sessions_(viewed.sessions_), settings_(std::move(settings)) {}

    blocking::session_pool& sessions() {
        return sessions_->here([](const blocking::session_pool& parents) {
            return std::make_unique<blocking::session_pool>(parents.service()->for_child());
        });
    }

    client::call_settings settings() {
        return settings_ ? *settings_ : sessions().service()->settings();
    }

    /// Returns the session's store with the settings of this view.
    store store_on(const blocking::session& s) const {
        return settings_ ? detail::store_access::view(s.store, *settings_) : s.store;
    }

    /// Runs the awaitable that `operation(store&)` returns.
    template <class Operation>
    auto run(Operation operation) {
        const blocking::borrowed_session l(sessions());
        store db = store_on(l.session());
        return l.session().run(operation(db));
    }

private:
    std::shared_ptr<support::per_process<blocking::session_pool>> sessions_; // shared by all views
    std::optional<client::call_settings> settings_;                          // of a view
};

} // namespace azkv
