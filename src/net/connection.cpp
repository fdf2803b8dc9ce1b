#include "net/connection.hpp"

#include "async/on_strand.hpp"
#include "net/address.hpp"
#include "net/lookup.hpp"
#include "net/response_parser.hpp"
#include "net/tls.hpp"
#include "protocol/proxy.hpp"

#include <azkv/error.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <openssl/crypto.h>

#include <array>
#include <optional>
#include <utility>

namespace azkv::net {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t header_limit = 32 * 1024;
constexpr int max_interim_responses = 8; // 1xx answers before the one that counts

auto into(error_code& ec) {
    return asio::redirect_error(asio::use_awaitable, ec);
}

/// All of its members are touched on its strand only, but for `used` and `usable_until`, which the holder
/// asks for between two exchanges.
class tcp_connection final : public connection, public std::enable_shared_from_this<tcp_connection> {
public:
    // Answers, of which some hold tokens.
    ~tcp_connection() override {
        buffer_.clear();
        const auto memory = buffer_.prepare(buffer_.capacity());
        OPENSSL_cleanse(memory.data(), memory.size());
    }

    tcp_connection(const asio::any_io_executor& executor, const protocol::authority& to,
                   const connector::settings& s)
        : strand_(asio::make_strand(executor)), to_(to), settings_(s), socket_(strand_), timer_(strand_) {}

    asio::awaitable<void> run(exchange& x) override {
        return async::on_strand(strand_, carry(x), [self = shared_from_this(), id = exchange_id_ + 1] {
            if (self->exchange_id_ == id) self->abort(asio::error::operation_aborted);
        });
    }

    const protocol::authority& to() const override { return to_; }

    bool used() const override { return used_; }

    steady_clock::time_point usable_until() const override { return usable_until_; }

private:
    asio::awaitable<void> carry(exchange& x) {
        ++exchange_id_;
        error_code ec;
        if (!socket_.is_open()) {
            arm(std::min(x.deadline, steady_clock::now() + settings_.connect_timeout));
            ec = co_await connect(x);
        } else if (peer_has_left()) {
            ec = asio::error::eof;
        }
        if (!ec) {
            arm(x.deadline);
            ec = co_await transfer(x);
        }
        disarm();
        used_ = true;
        if (ec) {
            x.error = aborted_ ? aborted_ : ec;
            if (peer_ && !aborted_ && x.detail.empty()) x.detail = peer_->explain(tls_->native_handle(), ec);
            error_code ignored;
            socket_.close(ignored);
        }
        if (!socket_.is_open()) usable_until_ = {};
    }

    // The deadline: one timer, which closes the socket and so ends whatever is under way. It stops with the
    // exchange, since a timer that runs is work, and a connection at rest must not keep its context running.
    void arm(steady_clock::time_point deadline) {
        ++timer_id_;
        timer_.expires_at(deadline);
        timer_.async_wait([self = shared_from_this(), id = timer_id_](error_code ec) {
            if (!ec && self->timer_id_ == id) self->abort(errc::timed_out);
        });
    }

    void disarm() {
        ++timer_id_;
        ++exchange_id_; // a cancellation that arrives now comes too late
        timer_.cancel();
    }

    void abort(error_code why) {
        if (aborted_) return;
        aborted_ = why;
        error_code ignored;
        socket_.close(ignored);
        if (lookup_) lookup_->cancel();
    }

    bool peer_has_left() {
        std::array<char, 1> unread;
        error_code ec;
        socket_.receive(asio::buffer(unread), tcp::socket::message_peek, ec);
        // Bytes that nobody asked for would be taken for the answer to the next request.
        return ec != asio::error::would_block;
    }

    asio::awaitable<error_code> connect(exchange& x) {
        const bool tunnelled = settings_.proxy && settings_.proxy->applies_to(to_);
        const protocol::authority& next = tunnelled ? settings_.proxy->at() : to_;
        error_code ec;
        lookup::results endpoints;
        const auto port = static_cast<asio::ip::port_type>(std::stoi(next.port));
        if (is_address(next.host)) {
            const tcp::endpoint only(asio::ip::make_address(next.host), port);
            endpoints = lookup::results::create(only, next.host, next.port);
        } else if (next.host.ends_with(
                       ".localhost")) { // this machine, whatever servers of names say (RFC 6761)
            const std::array<tcp::endpoint, 2> both{tcp::endpoint(asio::ip::address_v4::loopback(), port),
                                                    tcp::endpoint(asio::ip::address_v6::loopback(), port)};
            endpoints = lookup::results::create(both.begin(), both.end(), next.host, next.port);
        } else {
            x.doing = tunnelled ? "looking up the proxy for" : "looking up";
            ec = co_await look_up(next, endpoints);
        }
        if (ec) co_return ec;
        x.doing = tunnelled ? "connecting to the proxy for" : "connecting to";
        co_await asio::async_connect(socket_, endpoints, into(ec));
        if (!ec) socket_.set_option(tcp::no_delay(true), ec);
        if (!ec) socket_.non_blocking(true, ec); // for `peer_has_left`
        if (!ec && tunnelled) ec = co_await open_tunnel(x);
        if (ec && tunnelled && x.detail.empty()) x.detail = "the proxy is " + next.host + ':' + next.port;
        if (!ec && to_.tls) ec = co_await agree_on_tls(x);
        co_return ec;
    }

    asio::awaitable<error_code> look_up(const protocol::authority& a, lookup::results& endpoints) {
        lookup_ = std::make_shared<lookup>(strand_);
        const error_code ec = co_await lookup_->run(a.host, a.port, endpoints);
        lookup_.reset();
        co_return aborted_ ? aborted_ : ec;
    }

    asio::awaitable<error_code> open_tunnel(exchange& x) {
        const char* const doing = "asking the proxy for a tunnel to";
        x.doing = doing;
        error_code ec;
        const secret request = settings_.proxy->connect_request(to_);
        const std::string_view text = request.reveal();
        co_await asio::async_write(socket_, asio::buffer(text), into(ec));
        for (int interim = 0; !ec && interim < max_interim_responses; ++interim) {
            protocol::response answer;
            response_parser parser(answer);
            parser.header_limit(header_limit);
            parser.skip(true); // what follows the head is no body
            ec = co_await read(socket_, parser, x);
            x.doing = doing;
            x.answer_begun = false; // not that of the service
            if (ec == errc::bad_response) {
                ec = errc::proxy_failed;
                x.detail = "its answer was not understood";
            }
            if (ec || answer.status / 100 == 1) continue;
            ec = settings_.proxy->judge(answer.status, x.detail);
            if (!ec && buffer_.size() > 0) {
                ec = errc::proxy_failed; // the service says nothing before it is spoken to
                x.detail = "it said more than was asked";
            }
            co_return ec;
        }
        co_return ec ? ec : errc::proxy_failed;
    }

    asio::awaitable<error_code> agree_on_tls(exchange& x) {
        x.doing = "agreeing on TLS with";
        peer_.emplace(settings_.tls, to_);
        tls_.emplace(socket_, settings_.tls->context());
        error_code ec = peer_->prepare(tls_->native_handle());
        if (ec) co_return ec;
        co_await tls_->async_handshake(ssl::stream_base::client, into(ec));
        if (!ec) ec = peer_->check(tls_->native_handle());
        co_return ec;
    }

    asio::awaitable<error_code> transfer(exchange& x) {
        return tls_ ? transfer_over(*tls_, x) : transfer_over(socket_, x);
    }

    template <class Stream>
    asio::awaitable<error_code> transfer_over(Stream& stream, exchange& x) {
        error_code ec;
        x.doing = "sending the request to";
        x.maybe_applied = true;
        const std::array<asio::const_buffer, 2> request{asio::buffer(x.head), asio::buffer(x.body)};
        co_await asio::async_write(stream, request, into(ec));
        if (aborted_) co_return aborted_;
        // A peer that does not take the whole request may have said why before it closed.
        const error_code unsent = ec;
        if (!unsent) x.doing = "waiting for the answer of";
        for (int interim = 0; interim < max_interim_responses; ++interim) {
            response_parser parser(x.response);
            parser.header_limit(header_limit);
            parser.body_limit(settings_.max_response_size);
            parser.eager(true);
            ec = co_await read(stream, parser, x);
            if (ec) {
                const bool alert = ec.category() == asio::error::get_ssl_category(); // the better reason
                co_return unsent && !alert ? unsent : ec;
            }
            if (x.response.status / 100 != 1) {
                finish(parser, !unsent);
                co_return ec;
            }
        }
        co_return errc::bad_response;
    }

    template <class Stream>
    asio::awaitable<error_code> read(Stream& stream, response_parser& parser, exchange& x) {
        error_code ec;
        for (;;) {
            if (buffer_.size() > 0) {
                x.doing = "reading the answer of";
                buffer_.consume(parser.put(buffer_.data(), ec));
                if (ec == boost::beast::http::error::need_more) ec = {};
                if (ec == boost::beast::http::error::body_limit) x.detail = "larger than max_response_size";
                if (ec) co_return errc::bad_response;
                if (parser.is_done()) co_return ec;
            }
            const std::size_t n = co_await stream.async_read_some(buffer_.prepare(read_size), into(ec));
            buffer_.commit(n);
            x.answer_begun = x.answer_begun || n > 0;
            if (ec == asio::error::eof && parser.got_some() && buffer_.size() == 0) {
                parser.put_eof(ec); // the end of a body without a length
                if (!ec) co_return ec;
                ec = asio::error::eof;
            }
            if (ec) co_return ec;
        }
    }

    void finish(const response_parser& parser, bool sent) {
        const auto now = steady_clock::now();
        const bool reusable = sent && parser.keep_alive() && buffer_.size() == 0;
        std::chrono::milliseconds idle = settings_.idle_timeout;
        // A second early, so as not to meet the peer's closing half-way.
        if (const auto announced = parser.keep_alive_timeout())
            idle = std::min<std::chrono::milliseconds>(idle, *announced - std::chrono::seconds(1));
        usable_until_ = reusable && idle.count() > 0 ? now + idle : steady_clock::time_point{};
    }

    asio::any_io_executor strand_;
    protocol::authority to_;
    connector::settings settings_;
    tcp::socket socket_;
    std::optional<tls_peer> peer_; // before `tls_`, which calls it
    std::optional<ssl::stream<tcp::socket&>> tls_;
    boost::beast::flat_buffer buffer_;
    asio::steady_timer timer_;
    std::shared_ptr<lookup> lookup_;
    error_code aborted_;
    unsigned long exchange_id_ = 0;
    unsigned long timer_id_ = 0;
    bool used_ = false;
    steady_clock::time_point usable_until_;
};

} // namespace

std::shared_ptr<connection> connector::make(const protocol::authority& to) const {
    return std::make_shared<tcp_connection>(executor_, to, settings_);
}

} // namespace azkv::net
