#pragma once

#include "async/on_strand.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <chrono>
#include <memory>

namespace azkv::async {

/// Something that one coroutine waits for, and that happens once. Its timer runs on `executor`, whatever the
/// executors of the two sides are.
class event : public std::enable_shared_from_this<event> {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit event(const asio::any_io_executor& executor)
        : strand_(asio::make_strand(executor)), timer_(strand_) {}

    /// It happened. May be called by any thread.
    void set() {
        set_ = true;
        asio::post(strand_, [self = shared_from_this()] { self->timer_.cancel(); });
    }

    /// Whether it happened by the deadline. Throws `operation_aborted` when cancelled before.
    asio::awaitable<bool> wait(time_point deadline) {
        const auto self = shared_from_this();
        const asio::any_io_executor strand = strand_; // `self` may be all that is left of this
        const auto give_up = [self] {
            self->cancelled_ = true;
            self->timer_.cancel();
        };
        co_await on_strand(strand, wait_on_strand(self, deadline), give_up);
        const bool happened = self->set_;
        if (!happened && self->gave_up_) throw boost::system::system_error(asio::error::operation_aborted);
        co_return happened;
    }

private:
    static asio::awaitable<void> wait_on_strand(std::shared_ptr<event> self, time_point deadline) {
        boost::system::error_code ec;
        self->timer_.expires_at(deadline);
        const bool over = self->set_ || self->cancelled_;
        if (!over) co_await self->timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        self->gave_up_ = self->cancelled_;
    }

    asio::any_io_executor strand_;
    asio::steady_timer timer_; // on the strand
    std::atomic<bool> set_{false};
    bool cancelled_ = false; // on the strand
    bool gave_up_ = false;   // what `cancelled_` was when the wait ended; does not change any more
};

} // namespace azkv::async
