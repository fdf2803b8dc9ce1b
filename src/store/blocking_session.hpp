// Where blocking calls run: on the caller's thread, on an execution context that no other call uses
// meanwhile.
#pragma once

#include "client/service_context.hpp"
#include "support/process.hpp"

#include <azkv/store.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace azkv::blocking {

/// A store on an execution context of its own. Used by one thread at a time.
class session {
public:
    explicit session(const std::shared_ptr<const client::service_context>& service);

    /// Runs one operation on this thread until it completes. If an exception interrupts the run, handlers of
    /// the operation remain in the context, and the session cannot be used again.
    void run(asio::awaitable<void> operation);

    /// The same for an operation with a result. One coroutine more, but `asio::co_spawn` is compiled once,
    /// not in each file of an operation.
    template <class T>
    T run(asio::awaitable<T> operation) {
        T result{};
        run(keep_result(std::move(operation), result));
        return result;
    }

    /// Returns true if it may run another operation.
    bool is_reusable() const { return reusable_; }

private:
    template <class T>
    static asio::awaitable<void> keep_result(asio::awaitable<T> operation, T& result) {
        result = co_await std::move(operation);
    }

    void require_own_process() const;

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
    explicit session_pool(std::shared_ptr<const client::service_context> service);

    struct pooled_session {
        std::unique_ptr<blocking::session> session;
        std::chrono::steady_clock::time_point since; // when it was given back
    };

    /// Returns a free session, or a new one.
    std::list<pooled_session> take();

    /// Keeps the session for the next call, and drops those that have been unused for longer than the idle
    /// timeout, as after a burst of threads.
    void give_back(std::list<pooled_session> one) noexcept;

    /// Drops the sessions that no call uses.
    void drop_free();

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
    explicit borrowed_session(session_pool& from);
    borrowed_session(const borrowed_session&) = delete;
    borrowed_session& operator=(const borrowed_session&) = delete;
    ~borrowed_session();

    blocking::session& session() const { return *one_.front().session; }

private:
    session_pool& from_;
    std::list<session_pool::pooled_session> one_;
};

} // namespace azkv::blocking
