// How every socket of the library comes into being and is closed.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace azkv::net {

namespace asio = boost::asio;

/// Opens a socket that no program inherits which the process starts, not even one that is started at this
/// very moment. (Asio opens it without SOCK_CLOEXEC.)
inline boost::system::error_code open_socket(asio::ip::tcp::socket& s, const asio::ip::tcp& protocol) {
    const int descriptor = ::socket(protocol.family(), protocol.type() | SOCK_CLOEXEC, protocol.protocol());
    if (descriptor < 0) return {errno, asio::error::get_system_category()};
    boost::system::error_code ec;
    try {
        s.assign(protocol, descriptor, ec);
    } catch (...) { // no memory
        ::close(descriptor);
        throw;
    }
    if (ec) ::close(descriptor);
    return ec;
}

inline void close_socket(asio::ip::tcp::socket& s) {
    boost::system::error_code ignored;
    s.close(ignored);
}

} // namespace azkv::net
