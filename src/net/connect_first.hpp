// Connects to the first of several addresses that accepts (RFC 8305).
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

/// How long an address may take to respond before the next one is tried in parallel (RFC 8305, section 5).
inline constexpr std::chrono::milliseconds connection_attempt_delay{250};

/// Connects to the first endpoint that accepts, on the executor of `done`, and sets `done`. Tries the next
/// endpoint as soon as the one before has failed or has taken `connection_attempt_delay`. Returns the error
/// of the last one if all fail, or `operation_aborted` if the caller set `done` first. `tried` is the number
/// of endpoints tried. Precondition: `to` is not empty.
///
/// Cancellation: the caller sets `done`.
asio::awaitable<boost::system::error_code> connect_first(std::vector<asio::ip::tcp::endpoint> to,
                                                         std::shared_ptr<async::manual_reset_event> done,
                                                         own_socket& connected, std::size_t& tried);

} // namespace azkv::net
