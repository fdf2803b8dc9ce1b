#include "support/http_server.hpp"

#include "support/loopback_server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <netinet/tcp.h>
#include <poll.h>
#include <set>
#include <sstream>

namespace azkv::test {

namespace http = boost::beast::http;
using asio::ip::tcp;

class http_server::implementation {
public:
    implementation(handler h, const server_tls* tls, unsigned short port)
        : handler_(std::move(h)), tls_(tls ? context_of(*tls) : nullptr),
          server_([this](tcp::socket s) { return accepted(std::move(s)); }, port) {}

    unsigned short port() const { return server_.port(); }

    std::atomic<std::size_t> requests{0};
    std::atomic<std::size_t> connections{0};
    std::atomic<std::size_t> open{0};
    std::atomic<std::size_t> most_open{0};
    std::atomic<std::size_t> strays{0};
    std::atomic<std::size_t> handshakes{0};
    std::atomic<std::size_t> resumed{0};

private:
    static std::unique_ptr<asio::ssl::context> context_of(const server_tls& tls) {
        auto made = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
        SSL_CTX* const context = made->native_handle();
        if (tls.newest != 0 && tls.newest < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
        SSL_CTX_set_min_proto_version(context, tls.oldest);
        SSL_CTX_set_max_proto_version(context, tls.newest);
        if (tls.anonymous) {
            SSL_CTX_set_cipher_list(context, "aNULL:@SECLEVEL=0");
            return made;
        }
        made->use_certificate_chain(asio::buffer(tls.identity.chain));
        made->use_private_key(asio::buffer(tls.identity.key), asio::ssl::context::pem);
        constexpr unsigned char name[] = "test"; // without it, clients with certificates resume nothing
        SSL_CTX_set_session_id_context(context, name, sizeof name);
        if (tls.client_authority.empty()) return made;
        made->add_certificate_authority(asio::buffer(tls.client_authority));
        made->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
        return made;
    }

    // Not a coroutine: it counts at the accept itself.
    asio::awaitable<void> accepted(tcp::socket socket) {
        const std::size_t number = ++connections;
        sockets_.insert(socket.native_handle());
        most_open = std::max<std::size_t>(most_open, connected());
        return serve(std::move(socket), number);
    }

    // Returns how many clients have not closed their ends, even if this program has not noticed yet.
    std::size_t connected() const {
        std::vector<pollfd> all;
        for (const int s : sockets_) all.push_back({s, POLLRDHUP, 0});
        ::poll(all.data(), all.size(), 0);
        return static_cast<std::size_t>(std::ranges::count(all, 0, &pollfd::revents));
    }

    asio::awaitable<void> serve(tcp::socket socket, std::size_t number) {
        class counted {
        public:
            counted(implementation& all, int socket) : all_(all), socket_(socket) { ++all_.open; }

            ~counted() {
                all_.sockets_.erase(socket_);
                --all_.open;
            }

        private:
            implementation& all_;
            int socket_;
        };

        const counted guard(*this, socket.native_handle());
        try {
            if (tls_) {
                asio::ssl::stream<tcp::socket&> stream(socket, *tls_);
                co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
                ++handshakes;
                resumed += SSL_session_reused(stream.native_handle()) == 1;
                co_await converse(stream, socket, number);
            } else {
                co_await converse(socket, socket, number);
            }
        } catch (const std::exception&) {
            // The client left; the test decides what that means.
        }
    }

    static constexpr std::chrono::milliseconds tick{2};

    static bool has_left(tcp::socket& client) {
        char unread = 0;
        boost::system::error_code ec;
        client.non_blocking(true);
        client.receive(asio::buffer(&unread, 1), tcp::socket::message_peek, ec);
        return ec && ec != asio::error::would_block;
    }

    // While it is 1, written data waits, and is sent in one packet.
    static void cork(tcp::socket& client, int on) {
        ::setsockopt(client.native_handle(), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    }

    // And waits until the client has left.
    static asio::awaitable<void> notify(asio::ssl::stream<tcp::socket&>& stream) {
        boost::system::error_code ignored;
        co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    }

    static asio::awaitable<void> notify(tcp::socket&) { co_return; }

    using parser = http::request_parser<http::string_body>;

    // `http::async_read` and `http::async_write` would be instantiated for each kind of stream, which takes
    // long.
    template <class Stream>
    static asio::awaitable<void> read(Stream& stream, boost::beast::flat_buffer& buffer, parser& request) {
        request.eager(true);
        while (!request.is_done()) {
            boost::system::error_code ec = http::error::need_more; // `put` does not return it for no bytes
            if (buffer.size() > 0) buffer.consume(request.put(buffer.data(), ec));
            if (ec == http::error::need_more) {
                const std::size_t n =
                    co_await stream.async_read_some(buffer.prepare(16 * 1024), asio::use_awaitable);
                buffer.commit(n);
            } else if (ec) {
                throw boost::system::system_error(ec);
            }
        }
    }

    static std::string text_of(http::response<http::string_body>& response) {
        std::ostringstream text;
        text << response;
        return text.str();
    }

    template <class Stream>
    asio::awaitable<void> converse(Stream& stream, tcp::socket& socket, std::size_t number) {
        boost::beast::flat_buffer buffer;
        for (;;) {
            parser incoming;
            incoming.body_limit(64 << 20);
            co_await read(stream, buffer, incoming);
            const auto& message = incoming.get();
            http_request request;
            request.method = std::string(message.method_string());
            request.target = std::string(message.target());
            request.body = message.body();
            request.connection = number;
            for (const auto& field : message) {
                std::string name(field.name_string());
                std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
                request.headers[name] = std::string(field.value());
            }
            ++requests;
            const http_reply reply = handler_(request);
            const auto due = std::chrono::steady_clock::now() + reply.delay;
            while (std::chrono::steady_clock::now() < due) {
                if (has_left(socket)) co_return;
                asio::steady_timer timer(socket.get_executor(),
                                         std::min(due, std::chrono::steady_clock::now() + tick));
                co_await timer.async_wait(asio::use_awaitable);
            }
            if (reply.reset) socket.set_option(asio::socket_base::linger(true, 0));
            if (reply.drop || reply.reset) co_return;
            if (!reply.raw.empty()) {
                co_await asio::async_write(stream, asio::buffer(reply.raw), asio::use_awaitable);
                if (reply.close) co_return;
                if (!reply.afterwards.empty()) {
                    asio::steady_timer timer(socket.get_executor(), tick);
                    co_await timer.async_wait(asio::use_awaitable);
                    co_await asio::async_write(stream, asio::buffer(reply.afterwards), asio::use_awaitable);
                    ++strays;
                }
                continue;
            }
            http::response<http::string_body> response(static_cast<http::status>(reply.status), 11);
            for (const auto& [name, text] : reply.headers) response.set(name, text);
            response.body() = reply.body;
            if (reply.status != 204) response.prepare_payload();
            if (!reply.behind.empty()) cork(socket, 1);
            const std::string text = text_of(response);
            co_await asio::async_write(stream, asio::buffer(text), asio::use_awaitable);
            if (!reply.behind.empty()) {
                co_await asio::async_write(stream, asio::buffer(reply.behind), asio::use_awaitable);
                ++strays;
                cork(socket, 0);
            }
            if (reply.notify) {
                co_await notify(stream);
                co_return;
            }
            if (reply.close) co_return;
        }
    }

    const handler handler_;
    const std::unique_ptr<asio::ssl::context> tls_; // null: no TLS
    std::set<int> sockets_;
    loopback_server server_;
};

http_server::http_server(handler h, unsigned short port)
    : impl_(std::make_unique<implementation>(std::move(h), nullptr, port)) {}

http_server::http_server(handler h, const certificate& identity)
    : http_server(std::move(h), server_tls(identity)) {}

http_server::http_server(handler h, const server_tls& tls, unsigned short port)
    : impl_(std::make_unique<implementation>(std::move(h), &tls, port)) {}

http_server::~http_server() = default;

unsigned short http_server::port() const {
    return impl_->port();
}

std::size_t http_server::requests() const {
    return impl_->requests;
}

std::size_t http_server::connections() const {
    return impl_->connections;
}

std::size_t http_server::open_connections() const {
    return impl_->open;
}

std::size_t http_server::most_open() const {
    return impl_->most_open;
}

std::size_t http_server::strays() const {
    return impl_->strays;
}

std::size_t http_server::handshakes() const {
    return impl_->handshakes;
}

std::size_t http_server::resumed() const {
    return impl_->resumed;
}

std::string row_key(const http_request& r) {
    const std::string_view before = "RowKey='";
    const auto begin = r.target.find(before) + before.size();
    return r.target.substr(begin, r.target.find("')", begin) - begin);
}

std::string error_body(std::string_view code, std::string_view message) {
    return R"({"odata.error":{"code":")" + std::string(code) + R"(","message":{"lang":"en-US","value":")"
           + std::string(message) + R"(\nRequestId:00000000-0000-0000-0000-000000000000"}}})";
}

} // namespace azkv::test
