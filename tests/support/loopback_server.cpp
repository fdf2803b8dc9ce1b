#include "support/loopback_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace azkv::test {

loopback_server::loopback_server(handler serve, unsigned short port, int receive_buffer)
    : serve_(std::move(serve)) {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    // Accepted connections inherit it, but only if it is set before they are opened.
    if (receive_buffer != 0) acceptor_.set_option(asio::socket_base::receive_buffer_size(receive_buffer));
    acceptor_.bind(tcp::endpoint(asio::ip::address_v4::loopback(), port));
    acceptor_.listen();
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
}

loopback_server::~loopback_server() {
    context_.stop();
    thread_.join();
}

unsigned short loopback_server::port() const {
    return acceptor_.local_endpoint().port();
}

asio::awaitable<void> loopback_server::accept() {
    for (;;) {
        tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
        boost::system::error_code ignored; // the peer may have left already
        socket.set_option(tcp::no_delay(true), ignored);
        asio::co_spawn(context_, serve_(std::move(socket)), asio::detached);
    }
}

} // namespace azkv::test
