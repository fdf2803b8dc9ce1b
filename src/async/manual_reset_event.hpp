// What a coroutine waits on: an event that others set, with a deadline and with cancellation.
#pragma once

#include "async/operation_memory.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

namespace azkv::async {

namespace asio = boost::asio;

/// An event that one coroutine at a time waits on. It stays set until `reset`. Its timer runs on `executor`,
/// whatever the executors of the two sides are; a mutex takes the place of a strand, because many events may
/// be waited on at once.
class manual_reset_event : public std::enable_shared_from_this<manual_reset_event> {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using function = std::function<void()>;

    explicit manual_reset_event(const asio::any_io_executor& executor) : timer_(executor) {}

    asio::any_io_executor get_executor() { return timer_.get_executor(); }

    /// Wakes the waiting coroutine. Any thread may call it. Allocates nothing.
    void set() noexcept { end(set_); }

    /// Called by the coroutine that waits, between two waits.
    void reset() noexcept;

    /// Returns whether the event was set by the deadline. Throws `operation_aborted` when cancelled before.
    asio::awaitable<bool> wait(time_point deadline);

    /// Calls `begin` and waits until the event is set. If the caller is cancelled meanwhile, calls `abort`,
    /// which must cause the event to be set soon, and goes on waiting. Neither function may throw. Nothing
    /// fails after `begin` was called.
    asio::awaitable<void> join(function begin, function abort);

    /// Ignores cancellation: for callers that set the event when they are cancelled.
    asio::awaitable<void> wait_until_set();

private:
    class suspension;

    void reserve(time_point deadline);
    void end(bool& why) noexcept;

    operation_memory memory_; // of the one coroutine that waits
    std::mutex mutex_;        // guards what follows
    asio::steady_timer timer_;
    bool set_ = false;
    bool cancelled_ = false;
};

} // namespace azkv::async
