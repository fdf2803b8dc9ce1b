// TCP keep-alive: detects a peer that has vanished.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>

#if defined(__linux__)
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

namespace azkv::net {

namespace asio = boost::asio;

/// Makes the system detect a peer whose host or network has vanished while nothing is being sent: after 10 s
/// of silence it sends probes, and gives up after 25 s. That is before an attempt times out, and applies to
/// idle connections, too. For data that is not acknowledged the attempt's deadline applies.
inline void enable_keep_alive(asio::ip::tcp::socket& s) {
    boost::system::error_code ignored; // the connection works without it
    s.set_option(asio::socket_base::keep_alive(true), ignored);
#if defined(__linux__)
    const auto set = [&s](int option, int n) {
        ::setsockopt(s.native_handle(), IPPROTO_TCP, option, &n, sizeof n);
    };
    set(TCP_KEEPIDLE, 10);
    set(TCP_KEEPINTVL, 5);
    set(TCP_KEEPCNT, 3);
#endif
}

} // namespace azkv::net
