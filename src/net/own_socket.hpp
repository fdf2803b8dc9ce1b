// How every socket of the library comes into being and is closed.
#pragma once

#include "support/process.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace azkv::net {

namespace asio = boost::asio;

/// A socket that is only of this process: no program that it starts inherits it, and a forked child cannot
/// speak on it.
class own_socket : public asio::ip::tcp::socket {
public:
    explicit own_socket(const asio::any_io_executor& executor) : asio::ip::tcp::socket(executor) {}

    own_socket(own_socket&&) = default;

    own_socket& operator=(own_socket&& other) {
        close_own();
        asio::ip::tcp::socket::operator=(std::move(other));
        return *this;
    }

    ~own_socket() { close_own(); }

    /// Not inherited by a program that is started at this very moment, either. (Asio opens without
    /// SOCK_CLOEXEC.)
    boost::system::error_code open_own(const asio::ip::tcp& protocol) {
        const support::fork_pause pause;
        const int descriptor =
            ::socket(protocol.family(), protocol.type() | SOCK_CLOEXEC, protocol.protocol());
        if (descriptor < 0) return {errno, asio::error::get_system_category()};
        boost::system::error_code ec;
        try {
            support::keep_from_children(descriptor, pause);
            assign(protocol, descriptor, ec);
        } catch (...) { // no memory
            discard(descriptor, pause);
            throw;
        }
        if (ec) discard(descriptor, pause);
        return ec;
    }

    void close_own() noexcept {
        if (!is_open()) return;
        const support::fork_pause pause;
        support::give_up(native_handle(), pause);
        boost::system::error_code ignored;
        close(ignored);
    }

private:
    static void discard(int descriptor, const support::fork_pause& pause) noexcept {
        support::give_up(descriptor, pause);
        ::close(descriptor);
    }
};

} // namespace azkv::net
