// How a blocking call runs: on an execution context of its own, on the caller's thread.
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

/// A store on an execution context of its own. One thread at a time uses it.
class session {
public:
    explicit session(const std::shared_ptr<const client::service_context>& service)
        : store(detail::store_access::make(context_.get_executor(), service, false)) {}

    /// Runs one operation to its end on this thread. If an exception ends the run before the operation, what
    /// is left of it in the context refers to this call, and the session cannot be used again.
    template <class T>
    T run(asio::awaitable<T> operation) {
        require_own_process();
        if (!fit_) throw error(errc::invalid_argument, "an exception interrupted its last call");
        fit_ = false;
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
            if (!o.done && idle) throw error(errc::invalid_argument, "a source of tokens never completed");
            require_own_process(); // a function that the operation called may have forked
        }
        // What the operation abandoned, such as a program that prints a token, learns of it now rather than
        // when the next operation runs.
        if (o.failure) context_.run_for(std::chrono::milliseconds(20));
        fit_ = true;
        if (o.failure) std::rethrow_exception(o.failure);
        if constexpr (!std::is_void_v<T>) return std::move(o.result);
    }

    /// Whether it may run another operation.
    bool fit() const { return fit_; }

private:
    template <class T>
    class outcome {
    public:
        bool done = false;
        std::exception_ptr failure;
        [[no_unique_address]] std::conditional_t<std::is_void_v<T>, std::monostate, T> result{};
    };

    // What the context waits on is shared with the parent process.
    void require_own_process() const {
        if (process_ != support::process_number())
            throw error(errc::forked, "it was begun before this process was forked; begin it again");
    }

    const unsigned process_ = support::process_number();
    bool fit_ = true;
    asio::io_context context_{1};

public:
    azkv::store store; // after the context that it lives on
};

/// The sessions of one process. The last used is taken first, so that one thread needs one connection.
class session_pool {
public:
    explicit session_pool(std::shared_ptr<const client::service_context> service)
        : service_(std::move(service)) {}

    class resting {
    public:
        explicit resting(const std::shared_ptr<const client::service_context>& service)
            : session(std::make_unique<blocking::session>(service)) {}

        std::unique_ptr<blocking::session> session;
        std::chrono::steady_clock::time_point since;
    };

    /// One of them.
    std::list<resting> take() {
        std::list<resting> one;
        {
            const std::lock_guard lock(mutex_);
            if (!free_.empty()) one.splice(one.begin(), free_, std::prev(free_.end()));
        }
        if (one.empty()) one.emplace_back(service_);
        return one;
    }

    /// What a burst of threads needed is not kept forever.
    void take_back(std::list<resting> one) noexcept {
        std::list<resting> dropped; // destroyed when the mutex is free again
        const auto now = std::chrono::steady_clock::now();
        one.front().since = now;
        const std::lock_guard lock(mutex_);
        auto& kept = one.front().session->fit() ? free_ : dropped;
        kept.splice(kept.end(), one);
        auto fresh = free_.begin(); // the oldest is in front
        while (fresh != free_.end() && fresh->since + service_->options.idle_timeout() < now) ++fresh;
        dropped.splice(dropped.end(), free_, free_.begin(), fresh);
    }

    /// Drops what no call uses.
    void drop_free() {
        std::list<resting> dropped;
        const std::lock_guard lock(mutex_);
        dropped.swap(free_);
    }

    const std::shared_ptr<const client::service_context>& service() const { return service_; }

    const unsigned process = support::process_number();

private:
    const std::shared_ptr<const client::service_context> service_;
    std::mutex mutex_; // guards `free_`
    std::list<resting> free_;
};

/// A session for one user.
class loan {
public:
    explicit loan(session_pool& from) : from_(from), one_(from.take()) {}

    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;

    ~loan() {
        if (from_.process == support::process_number())
            from_.take_back(std::move(one_));
        else
            static_cast<void>(one_.front().session.release()); // as is the pool that it came from
    }

    blocking::session& session() const { return *one_.front().session; }

private:
    session_pool& from_;
    std::list<session_pool::resting> one_;
};

} // namespace blocking

class [[gnu::visibility("hidden")]] blocking_store::implementation {
public:
    explicit implementation(std::shared_ptr<const client::service_context> service)
        : sessions_(std::make_shared<support::per_process<blocking::session_pool>>(
            std::make_unique<blocking::session_pool>(std::move(service)))) {}

    /// A view of `viewed`, with other settings.
    implementation(const implementation& viewed, client::call_settings settings)
        : sessions_(viewed.sessions_), settings_(std::move(settings)) {}

    blocking::session_pool& sessions() {
        return sessions_->here([](const blocking::session_pool& parents) {
            return std::make_unique<blocking::session_pool>(parents.service()->for_child());
        });
    }

    client::call_settings settings() { return settings_ ? *settings_ : sessions().service()->settings(); }

    /// The session's store with the settings of this.
    store in(const blocking::session& s) const {
        return settings_ ? detail::store_access::view(s.store, *settings_) : s.store;
    }

    /// Runs `operation(store&)`.
    template <class Operation>
    auto run(Operation operation) {
        const blocking::loan l(sessions());
        store db = in(l.session());
        return l.session().run(operation(db));
    }

private:
    std::shared_ptr<support::per_process<blocking::session_pool>> sessions_; // shared by all views
    std::optional<client::call_settings> settings_;                          // of a view
};

} // namespace azkv
