// A server on a loopback port that runs a coroutine for each connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <thread>

namespace azkv::test {

namespace asio = boost::asio;

/// Accepts connections on a loopback port and runs a coroutine for each, all on a thread of its own.
class loopback_server {
public:
    using tcp = asio::ip::tcp;

    /// Called on the server's thread as soon as a connection is accepted. An exception that leaves the
    /// coroutine closes the connection.
    using handler = std::function<asio::awaitable<void>(tcp::socket)>;

    /// Port 0 is any; a `receive_buffer` of 0 is the system's default. The handler may be called before this
    /// returns, and its coroutines are destroyed with the server: an owner declares it as its last member.
    explicit loopback_server(handler serve, unsigned short port = 0, int receive_buffer = 0);

    ~loopback_server();

    loopback_server(const loopback_server&) = delete;
    loopback_server& operator=(const loopback_server&) = delete;

    unsigned short port() const;

private:
    asio::awaitable<void> accept();

    const handler serve_;
    asio::io_context context_{1};
    tcp::acceptor acceptor_{context_};
    std::thread thread_;
};

} // namespace azkv::test
