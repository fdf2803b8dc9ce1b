#include "net/connection.hpp"

#include "async/on_strand.hpp"
#include "net/address.hpp"
#include "net/lookup.hpp"
#include "net/response_reader.hpp"
#include "net/tls.hpp"
#include "net/vanished_peer.hpp"
#include "protocol/proxy.hpp"

#include <azkv/error.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <optional>
#include <utility>

namespace azkv::net {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

auto into(error_code& ec) {
    return asio::redirect_error(asio::use_awaitable, ec);
}

/// All of its members are touched on its strand only, but for `used`, `usable_until` and `close`, which the
/// holder calls between two exchanges.
class tcp_connection final : public connection, public std::enable_shared_from_this<tcp_connection> {
public:
    tcp_connection(const asio::any_io_executor& executor, const protocol::authority& to,
                   const connector::settings& s)
        : strand_(asio::make_strand(executor)), to_(to), settings_(s), socket_(strand_), reader_(limits(s)),
          timer_(strand_) {}

    asio::awaitable<void> run(exchange& x, steady_clock::time_point deadline) override {
        return async::on_strand(strand_, carry(x, deadline),
                                [self = shared_from_this(), id = exchange_id_ + 1] {
                                    if (self->exchange_id_ == id) self->abort(asio::error::operation_aborted);
                                });
    }

    void interrupt(error_code why) override {
        asio::post(strand_, [self = shared_from_this(), why] { self->abort(why); });
    }

    void close() override {
        error_code ignored;
        socket_.close(ignored);
        usable_until_ = {};
    }

    const protocol::authority& to() const override { return to_; }

    bool used() const override { return used_; }

    steady_clock::time_point usable_until() const override { return usable_until_; }

private:
    static response_reader::limits limits(const connector::settings& s) {
        response_reader::limits l;
        l.body = s.max_response_size;
        return l;
    }

    asio::awaitable<void> carry(exchange& x, steady_clock::time_point deadline) {
        ++exchange_id_;
        under_way_ = true;
        error_code ec = aborted_; // before it began
        if (!ec && !socket_.is_open()) {
            arm(std::min(deadline, steady_clock::now() + settings_.connect_timeout));
            ec = co_await connect(x);
        } else if (!ec && peer_has_left()) {
            ec = asio::error::eof;
        }
        if (!ec) {
            arm(deadline);
            ec = co_await transfer(x);
        }
        disarm();
        used_ = true;
        if (ec) {
            x.error = aborted_ ? aborted_ : ec;
            if (peer_ && !aborted_ && x.detail.empty()) x.detail = peer_->explain(tls_->native_handle(), ec);
        }
        const bool usable = !ec && socket_.is_open() && usable_until_ > steady_clock::now();
        if (!usable) close(); // by now, not when the last handler lets go of this
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
        under_way_ = false;
        timer_.cancel();
    }

    void abort(error_code why) {
        if (aborted_) return;
        aborted_ = why;
        if (!under_way_) return; // somebody may be closing it
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
        if (!ec) notice_vanished_peer(socket_);
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
        if (ec) co_return ec;
        protocol::response answer;
        reader_.start(answer, false); // what follows the head is no body
        ec = co_await read(socket_, x);
        x.doing = doing;
        if (ec == errc::bad_response) {
            ec = errc::proxy_failed;
            x.detail = "its answer was not understood";
        }
        if (!ec) ec = settings_.proxy->judge(answer.status, x.detail);
        if (!ec && reader_.unread() > 0) {
            ec = errc::proxy_failed; // the service says nothing before it is spoken to
            x.detail = "it said more than was asked";
        }
        co_return ec;
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
        const std::size_t sent = co_await asio::async_write(stream, request, into(ec));
        x.bytes_sent += sent;
        if (aborted_) co_return aborted_;
        // A peer that does not take the whole request may have said why before it closed.
        const error_code unsent = ec;
        if (!unsent) x.doing = "waiting for the answer of";
        reader_.start(x.response);
        ec = co_await read(stream, x);
        x.bytes_received += reader_.received();
        x.answer_begun = reader_.received() > 0;
        if (ec) {
            const bool alert = ec.category() == asio::error::get_ssl_category(); // the better reason
            co_return unsent && !alert ? unsent : ec;
        }
        finish(!unsent);
        co_return ec;
    }

    template <class Stream>
    asio::awaitable<error_code> read(Stream& stream, exchange& x) {
        using progress = response_reader::progress;
        error_code ec;
        progress p = progress::need_more;
        while (p == progress::need_more) {
            const std::size_t n = co_await stream.async_read_some(reader_.prepare(), into(ec));
            if (n > 0) {
                x.doing = "reading the answer of";
                p = reader_.commit(n);
            }
            if (p == progress::need_more && ec == asio::error::eof) p = reader_.end_of_stream();
            if (p == progress::need_more && ec) co_return ec;
        }
        if (p == progress::done) co_return error_code();
        x.detail = reader_.detail();
        co_return reader_.error();
    }

    void finish(bool sent) {
        const auto now = steady_clock::now();
        const bool reusable = sent && reader_.keep_alive();
        std::chrono::milliseconds idle = settings_.idle_timeout;
        // A second early, so as not to meet the peer's closing half-way.
        if (const auto announced = reader_.keep_alive_timeout())
            idle = std::min<std::chrono::milliseconds>(idle, *announced - std::chrono::seconds(1));
        usable_until_ = reusable && idle.count() > 0 ? now + idle : steady_clock::time_point{};
    }

    asio::any_io_executor strand_;
    protocol::authority to_;
    connector::settings settings_;
    tcp::socket socket_;
    std::optional<tls_peer> peer_; // before `tls_`, which calls it
    std::optional<ssl::stream<tcp::socket&>> tls_;
    response_reader reader_;
    asio::steady_timer timer_;
    std::shared_ptr<lookup> lookup_;
    error_code aborted_;
    unsigned long exchange_id_ = 0;
    unsigned long timer_id_ = 0;
    bool under_way_ = false;
    bool used_ = false;
    steady_clock::time_point usable_until_;
};

} // namespace

std::shared_ptr<connection> connector::make(const protocol::authority& to) const {
    return std::make_shared<tcp_connection>(executor_, to, settings_);
}

} // namespace azkv::net
