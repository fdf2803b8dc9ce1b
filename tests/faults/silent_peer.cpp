#include "faults/silent_peer.hpp"

#include "support/loopback_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace azkv::test {

using asio::ip::tcp;

class silent_peer::implementation {
public:
    implementation(manner m, std::string first_words, unsigned short port)
        : first_words_(std::move(first_words)),
          server_(
              [this, m](tcp::socket s) {
                  return m == manner::is_deaf ? keep(std::move(s)) : listen_to(std::move(s));
              },
              port, m == manner::is_deaf ? 4096 : 0) {}

    unsigned short port() const { return server_.port(); }

private:
    static asio::awaitable<void> keep(tcp::socket socket) {
        asio::steady_timer never(socket.get_executor(), asio::steady_timer::time_point::max());
        co_await never.async_wait(asio::use_awaitable);
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

    const std::string first_words_;
    loopback_server server_;
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
        for (int i = 0; i < 4; ++i) { // Linux queues one more than the backlog
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
        if (there && (state == "01" || state == "02")) ++n; // established, or connecting
    }
    return n;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1; // except the one that lists
}

} // namespace azkv::test
