#pragma once

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace azkv::async {

namespace asio = boost::asio;

/// The only kind of cancellation that operations heed.
inline bool is_terminal(asio::cancellation_type type) {
    return (type & asio::cancellation_type::terminal) != asio::cancellation_type::none;
}

/// Throws `operation_aborted` if the coroutine was cancelled: for callers that told Asio not to throw by
/// itself.
inline void throw_if_cancelled(const asio::cancellation_state& state) {
    if (is_terminal(state.cancelled())) throw boost::system::system_error(asio::error::operation_aborted);
}

} // namespace azkv::async
