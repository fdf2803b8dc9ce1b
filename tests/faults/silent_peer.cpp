#include "faults/silent_peer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace azkv::test {

namespace asio = boost::asio;
using asio::ip::tcp;

class silent_peer::implementation {
public:
    implementation(manner m, std::string first_words, unsigned short port)
        : manner_(m), first_words_(std::move(first_words)) {
        acceptor_.open(tcp::v4());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        if (m == manner::is_deaf) acceptor_.set_option(asio::socket_base::receive_buffer_size(4096));
        acceptor_.bind(tcp::endpoint(asio::ip::address_v4::loopback(), port));
        acceptor_.listen();
        asio::co_spawn(context_, accept(), asio::detached);
        thread_ = std::thread([this] { context_.run(); });
    }

    ~implementation() {
        context_.stop();
        thread_.join();
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

private:
    asio::awaitable<void> accept() {
        for (;;) {
            tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
            if (manner_ == manner::is_deaf)
                deaf_.push_back(std::move(socket));
            else
                asio::co_spawn(context_, listen_to(std::move(socket)), asio::detached);
        }
    }

    asio::awaitable<void> listen_to(tcp::socket socket) {
        std::array<char, 16 * 1024> bytes;
        boost::system::error_code ec;
        co_await socket.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, ec));
        if (!ec)
            co_await asio::async_write(socket, asio::buffer(first_words_),
                                       asio::redirect_error(asio::use_awaitable, ec));
        while (!ec)
            co_await socket.async_read_some(asio::buffer(bytes),
                                            asio::redirect_error(asio::use_awaitable, ec));
    }

    const manner manner_;
    const std::string first_words_;
    asio::io_context context_{1};
    tcp::acceptor acceptor_{context_};
    std::vector<tcp::socket> deaf_;
    std::thread thread_;
};

silent_peer::silent_peer(manner m, std::string first_words, unsigned short port)
    : impl_(std::make_unique<implementation>(m, std::move(first_words), port)) {}

silent_peer::~silent_peer() = default;

unsigned short silent_peer::port() const {
    return impl_->port();
}

class full_port::implementation {
public:
    implementation() {
        acceptor.open(tcp::v4());
        acceptor.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        acceptor.listen(0);
        for (int i = 0; i < 4; ++i) { // Linux takes one more than it is told to
            tcp::socket& filler = fillers.emplace_back(context);
            filler.async_connect(acceptor.local_endpoint(), [](auto) {});
        }
    }

    asio::io_context context{1};
    tcp::acceptor acceptor{context};
    std::vector<tcp::socket> fillers;
};

full_port::full_port() : impl_(std::make_unique<implementation>()) {}

full_port::~full_port() = default;

unsigned short full_port::port() const {
    return impl_->acceptor.local_endpoint().port();
}

std::size_t connections_to(unsigned short port) {
    std::ifstream table("/proc/net/tcp");
    std::string line;
    std::getline(table, line); // the heading
    std::size_t n = 0;
    while (std::getline(table, line)) {
        std::istringstream in(line);
        std::string number, local, remote, state;
        in >> number >> local >> remote >> state;
        const bool there = std::stoul(remote.substr(remote.find(':') + 1), nullptr, 16) == port;
        if (there && (state == "01" || state == "02")) ++n; // established, or on its way
    }
    return n;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1; // but for the one that lists
}

} // namespace azkv::test
