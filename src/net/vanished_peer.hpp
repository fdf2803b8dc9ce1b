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

/// Has the system find out that the peer's host is gone, or the way to it, without a word, while nothing is
/// sent: nobody answers the probes that begin after 10 s of silence, which takes 25 s. That is before an
/// attempt times out, and for a connection at rest. What is not acknowledged is up to the attempt's deadline.
inline void notice_vanished_peer(asio::ip::tcp::socket& s) {
    boost::system::error_code ignored; // it is a refinement
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
