#include "support/raw_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <thread>
#include <utility>

namespace azkv::test {

namespace asio = boost::asio;
using asio::ip::tcp;

class raw_server::implementation {
public:
    explicit implementation(std::string answer)
        : answer_(std::move(answer)),
          acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        asio::co_spawn(context_, accept(), asio::detached);
        thread_ = std::thread([this] { context_.run(); });
    }

    ~implementation() {
        context_.stop();
        thread_.join();
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

    std::atomic<std::size_t> connections{0};

private:
    asio::awaitable<void> accept() {
        for (;;) {
            tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
            ++connections;
            asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
        }
    }

    asio::awaitable<void> serve(tcp::socket socket) {
        std::array<char, 16 * 1024> bytes;
        boost::system::error_code ec;
        co_await socket.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, ec));
        co_await asio::async_write(socket, asio::buffer(answer_),
                                   asio::redirect_error(asio::use_awaitable, ec));
        if (!ec) socket.shutdown(tcp::socket::shutdown_send, ec);
        while (!ec) // lest a reset overtakes the answer
            co_await socket.async_read_some(asio::buffer(bytes),
                                            asio::redirect_error(asio::use_awaitable, ec));
    }

    const std::string answer_;
    asio::io_context context_{1};
    tcp::acceptor acceptor_;
    std::thread thread_;
};

raw_server::raw_server(std::string answer) : impl_(std::make_unique<implementation>(std::move(answer))) {}

raw_server::~raw_server() = default;

unsigned short raw_server::port() const {
    return impl_->port();
}

std::size_t raw_server::connections() const {
    return impl_->connections;
}

} // namespace azkv::test
