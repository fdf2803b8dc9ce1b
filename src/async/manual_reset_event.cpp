#include "async/manual_reset_event.hpp"

#include "async/cancellation.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>

#include <utility>

namespace azkv::async {

namespace {

/// What the caller's cancellation calls. The signal may outlive the execution context, so the slot's handler
/// holds nothing of it; or it may be gone first, so only the coroutine that goes on clears the slot.
class interruption {
public:
    interruption(asio::cancellation_slot slot, std::function<void()> abort) : slot_(slot) {
        if (!slot_.is_connected()) return;
        abort_ = std::make_shared<const std::function<void()>>(std::move(abort));
        on_terminal(slot_, std::weak_ptr(abort_), [](const std::function<void()>& f) { f(); });
    }

    void withdraw() const {
        if (asio::cancellation_slot slot = slot_; slot.is_connected()) slot.clear();
    }

private:
    asio::cancellation_slot slot_;
    std::shared_ptr<const std::function<void()>> abort_;
};

} // namespace

class manual_reset_event::suspension {
public:
    static auto begin(manual_reset_event& e) {
        constexpr auto token = asio::as_tuple(asio::deferred); // unlike `use_awaitable` it adds no coroutine
        return asio::async_initiate<decltype(token), void(boost::system::error_code)>(
            [&e](auto handler) {
                // The coroutine may go on, and its frame be gone, before this function returns.
                const std::shared_ptr<manual_reset_event> self = e.shared_from_this();
                const std::lock_guard lock(self->mutex_);
                self->timer_.async_wait(asio::bind_allocator(
                    self->memory_.get_allocator(),
                    asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(handler))));
                if (self->set_ || self->cancelled_) self->timer_.cancel(); // meanwhile
            },
            token);
    }
};

// Sets the timer, and has Asio allocate for it while a failure can still be reported.
void manual_reset_event::reserve(time_point deadline) {
    const std::lock_guard lock(mutex_);
    timer_.expires_at(set_ || cancelled_ ? time_point::min() : deadline);
    timer_.async_wait([](boost::system::error_code) {}); // ends with the other, for which it makes room
}

void manual_reset_event::end(bool& why) noexcept {
    const std::lock_guard lock(mutex_);
    why = true;
    timer_.cancel();
}

void manual_reset_event::reset() noexcept {
    const std::lock_guard lock(mutex_);
    set_ = false;
}

asio::awaitable<bool> manual_reset_event::wait(time_point deadline) {
    const auto self = shared_from_this(); // may be the last owner
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    throw_if_cancelled(state);
    const interruption cancellation(state.slot(), [this] { end(cancelled_); });
    reserve(deadline);
    co_await suspension::begin(*this);
    cancellation.withdraw();
    const std::lock_guard lock(mutex_);
    const bool cancelled = std::exchange(cancelled_, false); // it may be waited on again
    if (!set_ && cancelled) throw boost::system::system_error(asio::error::operation_aborted);
    co_return set_;
}

asio::awaitable<void> manual_reset_event::join(function begin, function abort) {
    const auto self = shared_from_this();
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    throw_if_cancelled(state);
    const interruption cancellation(state.slot(), std::move(abort));
    reserve(time_point::max());
    begin();
    co_await suspension::begin(*this);
    cancellation.withdraw();
}

asio::awaitable<void> manual_reset_event::wait_until_set() {
    const auto self = shared_from_this();
    reserve(time_point::max());
    co_await suspension::begin(*this);
}

} // namespace azkv::async
