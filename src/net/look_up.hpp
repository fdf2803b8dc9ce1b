// Finds the addresses of a host without making anything wait for the system's name servers.
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

/// Finds the addresses of `host`, in the system's order of preference, and sets `over`. Returns
/// `operation_aborted` if `over` was set before by someone else.
///
/// Cancellation: none of its own; whoever cancels sets `over`.
///
/// The system's look-up (`getaddrinfo`) cannot be interrupted. Therefore it runs on a thread of its own,
/// which no execution context has to wait for, and which is left behind when the caller no longer waits. All
/// look-ups of one host in this process share a thread, so that there are never more than hosts.
asio::awaitable<boost::system::error_code> look_up(std::string host, std::shared_ptr<async::manual_reset_event> over,
                                                   std::vector<asio::ip::address>& found);

} // namespace azkv::net
