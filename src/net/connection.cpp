#include "net/connection.hpp"

#include "net/on_strand.hpp"
#include "net/response_parser.hpp"

#include <azkv/error.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <openssl/ssl.h>
#include <openssl/x509.h>

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

bool is_address(const std::string& host) {
    error_code ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

/// All of its members are touched on its strand only, but for `used` and `usable_until`, which the holder
/// asks for between two exchanges.
class tcp_connection final : public connection, public std::enable_shared_from_this<tcp_connection> {
public:
    tcp_connection(const asio::any_io_executor& executor, const protocol::authority& to,
                   const connector::settings& s)
        : strand_(asio::make_strand(executor)), to_(to), settings_(s), socket_(strand_), timer_(strand_) {}

    asio::awaitable<void> run(exchange& x) override {
        return on_strand(strand_, carry(x), [self = shared_from_this(), id = exchange_id_ + 1] {
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
        if (lookup_) {
            lookup_->resolver.cancel(); // at least it does not begin any more
            lookup_->done.cancel();
        }
    }

    bool peer_has_left() {
        std::array<char, 1> unread;
        error_code ec;
        socket_.receive(asio::buffer(unread), tcp::socket::message_peek, ec);
        // Bytes that nobody asked for would be taken for the answer to the next request.
        return ec != asio::error::would_block;
    }

    /// A look-up of a host name. Once begun it cannot be interrupted, so it is left behind when time is up.
    class lookup {
    public:
        explicit lookup(const asio::any_io_executor& ex)
            : resolver(ex), done(ex, steady_clock::time_point::max()) {}

        tcp::resolver resolver;
        asio::steady_timer done; // cancelled when the result is there
        bool finished = false;
        error_code error;
        tcp::resolver::results_type results;
    };

    asio::awaitable<error_code> connect(exchange& x) {
        error_code ec;
        tcp::resolver::results_type endpoints;
        if (is_address(to_.host)) {
            const tcp::endpoint only(asio::ip::make_address(to_.host),
                                     static_cast<asio::ip::port_type>(std::stoi(to_.port)));
            endpoints = tcp::resolver::results_type::create(only, to_.host, to_.port);
        } else {
            x.doing = "looking up";
            ec = co_await look_up(endpoints);
        }
        if (ec) co_return ec;
        x.doing = "connecting to";
        co_await asio::async_connect(socket_, endpoints, into(ec));
        if (!ec) socket_.set_option(tcp::no_delay(true), ec);
        if (!ec) socket_.non_blocking(true, ec); // for `peer_has_left`
        if (ec || !to_.tls) co_return ec;

        x.doing = "agreeing on TLS with";
        tls_.emplace(socket_, *settings_.tls);
        if (!is_address(to_.host)) SSL_set_tlsext_host_name(tls_->native_handle(), to_.host.c_str());
        tls_->set_verify_mode(ssl::verify_peer);
        tls_->set_verify_callback(ssl::host_name_verification(to_.host));
        co_await tls_->async_handshake(ssl::stream_base::client, into(ec));
        if (const long why = SSL_get_verify_result(tls_->native_handle()); ec && why != X509_V_OK)
            x.detail = X509_verify_cert_error_string(why);
        co_return ec;
    }

    asio::awaitable<error_code> look_up(tcp::resolver::results_type& endpoints) {
        error_code ec;
        const auto task = std::make_shared<lookup>(strand_);
        lookup_ = task;
        task->resolver.async_resolve(to_.host, to_.port,
                                     [task](error_code e, tcp::resolver::results_type results) {
                                         task->finished = true;
                                         task->error = e;
                                         task->results = std::move(results);
                                         task->done.cancel();
                                     });
        if (!task->finished && !aborted_) co_await task->done.async_wait(into(ec));
        lookup_.reset();
        if (aborted_) co_return aborted_;
        endpoints = task->results;
        co_return task->error;
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
            if (ec) co_return unsent ? unsent : ec;
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

std::shared_ptr<ssl::context> make_tls_context(const std::string& ca_file) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    error_code ec;
    if (ca_file.empty())
        context->set_default_verify_paths(ec);
    else
        context->load_verify_file(ca_file, ec);
    if (ec)
        throw error(errc::invalid_argument, "ca_file: cannot read certificate authorities from " + ca_file);
    return context;
}

std::shared_ptr<connection> connector::make(const protocol::authority& to) const {
    return std::make_shared<tcp_connection>(executor_, to, settings_);
}

} // namespace azkv::net
