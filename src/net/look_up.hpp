// Looks up the addresses of a host without blocking on the system's name servers.
#pragma once

#include "async/manual_reset_event.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <string>
#include <vector>

namespace azkv::net {

namespace asio = boost::asio;

/// Appends the addresses of `host` to `found`, in the system's order of preference, and sets `done`. Returns
/// `operation_aborted` if the caller set `done` first.
///
/// Cancellation: the caller sets `done`.
///
/// The system's look-up (`getaddrinfo`) cannot be interrupted. Therefore it runs on a thread of its own, for
/// which no execution context waits. The thread continues when the caller no longer waits. All look-ups of
/// one host in this process share a thread, so there are never more threads than hosts.
asio::awaitable<boost::system::error_code> look_up(std::string host,
                                                   std::shared_ptr<async::manual_reset_event> done,
                                                   std::vector<asio::ip::address>& found);

} // namespace azkv::net
