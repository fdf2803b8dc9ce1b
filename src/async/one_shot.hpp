#pragma once

#include "async/cancellation.hpp"
#include "async/operation_memory.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace azkv::async {

/// Something that one coroutine at a time waits for, and that happens once, or once more after a `reset`. Its
/// timer runs on `executor`, whatever the executors of the two sides are; a mutex stands for a strand, since
/// many may wait at once.
class event : public std::enable_shared_from_this<event> {
public:
    using time_point = std::chrono::steady_clock::time_point;

private:
    /// What the caller's cancellation calls. Its signal may last longer than the execution context, so that
    /// it holds nothing of that; or shorter, so that only who goes on has a slot to clear.
    template <class Abort>
    class interruption {
    public:
        interruption(asio::cancellation_slot slot, Abort abort) : slot_(slot) {
            if (!slot_.is_connected()) return;
            abort_ = std::make_shared<const Abort>(std::move(abort));
            slot_.assign([weak = std::weak_ptr(abort_)](asio::cancellation_type type) {
                const auto reached = is_terminal(type) ? weak.lock() : nullptr;
                if (reached) (*reached)();
            });
        }

        void withdraw() const {
            if (asio::cancellation_slot slot = slot_; slot.is_connected()) slot.clear();
        }

    private:
        asio::cancellation_slot slot_;
        std::shared_ptr<const Abort> abort_;
    };

    // Sets the timer, and has Asio make room for it as long as that may fail.
    void reserve(time_point deadline) {
        const std::lock_guard lock(mutex_);
        timer_.expires_at(set_ || cancelled_ ? time_point::min() : deadline);
        timer_.async_wait([](boost::system::error_code) {}); // ends with the other, for which it makes room
    }

    auto start() {
        constexpr auto token = asio::as_tuple(asio::deferred); // unlike `use_awaitable` it takes no coroutine
        return asio::async_initiate<decltype(token), void(boost::system::error_code)>(
            [this](auto handler) {
                // The coroutine may go on, and be gone with what this stands in, before this is at its end.
                const std::shared_ptr<event> self = shared_from_this();
                event& e = *self;
                const std::lock_guard lock(e.mutex_);
                e.timer_.async_wait(asio::bind_allocator(
                    e.memory_.get_allocator(),
                    asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(handler))));
                if (e.set_ || e.cancelled_) e.timer_.cancel(); // meanwhile
            },
            token);
    }

    void end(bool& why) noexcept {
        const std::lock_guard lock(mutex_);
        why = true;
        timer_.cancel();
    }

public:
    explicit event(const asio::any_io_executor& executor) : timer_(executor) {}

    asio::any_io_executor get_executor() { return timer_.get_executor(); }

    /// It happened. May be called by any thread. Needs no memory.
    void set() noexcept { end(set_); }

    /// It may happen again. By who waits for it, between two waits.
    void reset() noexcept {
        const std::lock_guard lock(mutex_);
        set_ = false;
    }

    /// Whether it happened by the deadline. Throws `operation_aborted` when cancelled before.
    asio::awaitable<bool> wait(time_point deadline) {
        const auto self = shared_from_this(); // may be all that is left of this
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        throw_if_cancelled(state);
        const interruption end_of_it(state.slot(), [this] { end(cancelled_); });
        reserve(deadline);
        co_await start();
        end_of_it.withdraw();
        const std::lock_guard lock(mutex_);
        const bool cancelled = std::exchange(cancelled_, false); // it may be waited for again
        if (!set_ && cancelled) throw boost::system::system_error(asio::error::operation_aborted);
        co_return set_;
    }

    /// Calls `begin`, and waits until it happens, also when the caller is cancelled: then `abort` is called,
    /// which must make it happen soon. Neither may throw. Once `begin` was called nothing fails any more.
    template <class Begin, class Abort>
    asio::awaitable<void> join(Begin begin, Abort abort) {
        const auto self = shared_from_this();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        throw_if_cancelled(state);
        const interruption end_of_it(state.slot(), std::move(abort));
        reserve(time_point::max());
        begin();
        co_await start();
        end_of_it.withdraw();
    }

    /// For callers that set it when they are cancelled: heeds no cancellation itself.
    asio::awaitable<void> wait_until_set() {
        const auto self = shared_from_this();
        reserve(time_point::max());
        co_await start();
    }

private:
    operation_memory memory_; // of the one coroutine that waits
    std::mutex mutex_;        // guards what follows
    asio::steady_timer timer_;
    bool set_ = false;
    bool cancelled_ = false;
};

} // namespace azkv::async
