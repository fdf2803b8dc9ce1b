// Cancellation: only the terminal kind is honoured.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <memory>
#include <utility>

namespace azkv::async {

namespace asio = boost::asio;

/// Returns true for the only kind of cancellation that operations honour.
inline bool is_terminal(asio::cancellation_type type) {
    return (type & asio::cancellation_type::terminal) != asio::cancellation_type::none;
}

/// Throws `operation_aborted` if the coroutine was cancelled. For coroutines in which Asio itself does not
/// throw.
inline void throw_if_cancelled(const asio::cancellation_state& state) {
    if (is_terminal(state.cancelled())) throw boost::system::system_error(asio::error::operation_aborted);
}

/// Calls `f(*target)` on terminal cancellation. The handler does not own the target, because a signal
/// may outlive the execution context of what it cancels. Precondition: the slot is connected.
template <class T, class Function>
void on_terminal(asio::cancellation_slot slot, std::weak_ptr<T> target, Function f) {
    slot.assign([weak = std::move(target), f = std::move(f)](asio::cancellation_type type) {
        const auto reached = is_terminal(type) ? weak.lock() : nullptr;
        if (reached) f(*reached);
    });
}

} // namespace azkv::async
