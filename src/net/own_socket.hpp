// Opens and closes every socket of the library, so that no child process inherits one.
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

/// A socket that only this process can use: programs that it starts do not inherit it, and a forked child
/// cannot send on it.
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

    /// Opens the socket with SOCK_CLOEXEC, which Asio does not: a program started at the same moment does not
    /// inherit it either.
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
