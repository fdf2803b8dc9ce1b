// Connects to a host that has several addresses.
#pragma once

#include "async/manual_reset_event.hpp"
#include "net/own_socket.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace azkv::net {

namespace asio = boost::asio;

/// How long an address may be silent before the next one is tried as well (RFC 8305, section 5).
inline constexpr std::chrono::milliseconds connection_attempt_delay{250};

/// Connects to the first of the endpoints that answers (RFC 8305), on the executor of `over`, and sets that.
/// The next one is tried, too, as soon as the one before has failed or has been silent for
/// `connection_attempt_delay`. Returns the error of the last one if all fail, or `operation_aborted` if
/// `over` was set before by someone else. `tried`: how many were. Precondition: there is one.
///
/// Cancellation: none of its own; whoever cancels sets `over`.
asio::awaitable<boost::system::error_code> connect_first(std::vector<asio::ip::tcp::endpoint> to,
                                                         std::shared_ptr<async::manual_reset_event> over,
                                                         own_socket& connected, std::size_t& tried);

} // namespace azkv::net
