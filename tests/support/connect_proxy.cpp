#include "support/connect_proxy.hpp"

#include "support/loopback_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <exception>
#include <fcntl.h>
#include <mutex>
#include <utility>

namespace azkv::test {

using asio::ip::tcp;

class connect_proxy::implementation {
public:
    explicit implementation(proxy_rules rules)
        : rules_(std::move(rules)),
          server_([this](tcp::socket s) { return serve(std::make_shared<tcp::socket>(std::move(s))); }) {}

    unsigned short port() const { return server_.port(); }

    std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    std::atomic<std::size_t> tunnels{0};

private:
    using shared_socket = std::shared_ptr<tcp::socket>;

    bool admits(const std::string& head) const {
        if (rules_.authorization.empty()) return true;
        return head.find("\r\nProxy-Authorization: " + rules_.authorization + "\r\n") != head.npos;
    }

    // `CONNECT host:port HTTP/1.1`, then the host again
    static std::string target(const std::string& head) {
        const auto end = head.find(" HTTP/1.1\r\n");
        if (!head.starts_with("CONNECT ") || end == head.npos) return {};
        const std::string there = head.substr(8, end - 8);
        return head.find("\r\nHost: " + there + "\r\n") != head.npos ? there : std::string();
    }

    asio::awaitable<void> serve(shared_socket client) {
        try {
            std::string head;
            co_await asio::async_read_until(*client, asio::dynamic_buffer(head), "\r\n\r\n",
                                            asio::use_awaitable);
            const std::string there = target(head);
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(there);
            }
            std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
            if (there.empty()) answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
            if (!admits(head))
                answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno";
            answer = rules_.prefix + answer + rules_.suffix;
            const bool made = there.size() > 0 && admits(head) && !rules_.silent;
            const auto server = std::make_shared<tcp::socket>(client->get_executor());
            if (made) {
                const auto port = static_cast<unsigned short>(std::stoi(there.substr(there.rfind(':') + 1)));
                const tcp::endpoint to(asio::ip::address_v4::loopback(), port);
                co_await server->async_connect(to, asio::use_awaitable);
                ::fcntl(server->native_handle(), F_SETFD, FD_CLOEXEC);
                server->set_option(tcp::no_delay(true));
                ++tunnels;
            }
            if (!rules_.silent)
                co_await asio::async_write(*client, asio::buffer(answer), asio::use_awaitable);
            if (made) asio::co_spawn(client->get_executor(), relay(server, client), asio::detached);
            if (made || rules_.silent) co_await relay(client, server);
        } catch (const std::exception&) {
            // The client left, or the target refused.
        }
    }

    asio::awaitable<void> relay(shared_socket from, shared_socket to) {
        std::array<char, 16 * 1024> bytes;
        boost::system::error_code ec;
        while (!ec) {
            const std::size_t n = co_await from->async_read_some(
                asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, ec));
            if (!ec)
                co_await asio::async_write(*to, asio::buffer(bytes.data(), n),
                                           asio::redirect_error(asio::use_awaitable, ec));
        }
        from->close(ec);
        to->close(ec);
    }

    const proxy_rules rules_;
    mutable std::mutex mutex_; // guards `requests_`
    std::vector<std::string> requests_;
    loopback_server server_;
};

connect_proxy::connect_proxy(proxy_rules rules) : impl_(std::make_unique<implementation>(std::move(rules))) {}

connect_proxy::~connect_proxy() = default;

unsigned short connect_proxy::port() const {
    return impl_->port();
}

std::string connect_proxy::url(const std::string& credentials) const {
    return "http://" + credentials + (credentials.empty() ? "" : "@") + "127.0.0.1:" + std::to_string(port());
}

std::size_t connect_proxy::tunnels() const {
    return impl_->tunnels;
}

std::vector<std::string> connect_proxy::requests() const {
    return impl_->requests();
}

} // namespace azkv::test
