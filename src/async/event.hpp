#pragma once

#include "async/cancellation.hpp"
#include "async/operation_memory.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace azkv::async {

/// Something that one coroutine waits for, and that happens once. Its timer runs on `executor`, whatever the
/// executors of the two sides are; a mutex stands for a strand, since many may wait at once.
class event : public std::enable_shared_from_this<event> {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit event(const asio::any_io_executor& executor) : timer_(executor) {}

    /// It happened. May be called by any thread.
    void set() { end(set_); }

    /// Whether it happened by the deadline. Throws `operation_aborted` when cancelled before.
    asio::awaitable<bool> wait(time_point deadline) {
        const auto self = shared_from_this(); // may be all that is left of this
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        throw_if_cancelled(state);
        asio::cancellation_slot slot = state.slot();
        // The caller's signal may last longer than the execution context, so that it holds nothing of that.
        std::shared_ptr<event* const> reached;
        if (slot.is_connected()) {
            reached = std::make_shared<event* const>(this);
            slot.assign([weak = std::weak_ptr(reached)](asio::cancellation_type type) {
                const auto r = is_terminal(type) ? weak.lock() : nullptr;
                if (r) (*r)->end((*r)->cancelled_);
            });
        }
        boost::system::error_code ignored;
        co_await start(deadline, ignored);
        if (slot.is_connected()) slot.clear();
        const std::lock_guard lock(mutex_);
        if (!set_ && cancelled_) throw boost::system::system_error(asio::error::operation_aborted);
        co_return set_;
    }

    /// For callers that set it when they are cancelled: heeds no cancellation itself.
    asio::awaitable<void> wait_until_set() {
        const auto self = shared_from_this();
        boost::system::error_code ignored;
        co_await start(time_point::max(), ignored);
    }

private:
    void end(bool& why) {
        const std::lock_guard lock(mutex_);
        why = true;
        timer_.cancel();
    }

    asio::awaitable<void> start(time_point deadline, boost::system::error_code& ec) {
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        return asio::async_initiate<decltype(token), void(boost::system::error_code)>(
            [this, deadline](auto handler) {
                const std::lock_guard lock(mutex_);
                timer_.expires_at(set_ || cancelled_ ? time_point::min() : deadline);
                timer_.async_wait(asio::bind_allocator(
                    memory_.get_allocator(),
                    asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(handler))));
            },
            token);
    }

    operation_memory memory_; // of the one coroutine that waits
    std::mutex mutex_;        // guards what follows
    asio::steady_timer timer_;
    bool set_ = false;
    bool cancelled_ = false;
};

} // namespace azkv::async
