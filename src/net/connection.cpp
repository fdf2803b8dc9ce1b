#include "net/connection.hpp"

#include "async/cancellation.hpp"
#include "async/operation_memory.hpp"
#include "net/abortable_socket.hpp"
#include "net/address.hpp"
#include "net/address_order.hpp"
#include "net/connect_first.hpp"
#include "net/keep_alive.hpp"
#include "net/look_up.hpp"
#include "net/response_reader.hpp"
#include "net/timer_queue.hpp"
#include "net/tls.hpp"
#include "net/tls_stream.hpp"
#include "protocol/proxy.hpp"

#include <azkv/error.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace azkv::net {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

// Returns the error code instead of throwing. Unlike `use_awaitable` it needs no coroutine frame.
constexpr auto as_result = asio::as_tuple(asio::deferred);

// Which error to report of an exchange. `sending` and `receiving` are the errors of the two halves, if any.
error_code exchange_error(error_code sending, error_code receiving, unsigned status) {
    if (!sending) return receiving;
    if (receiving) {
        const bool is_alert = receiving.category() == asio::error::get_ssl_category();
        return is_alert ? receiving : sending; // an alert says why the peer closed the connection
    }
    // A refusal may arrive before the whole request is sent. No other response to half a request counts.
    return status >= 400 ? error_code() : sending;
}

class tcp_connection final : public connection {
public:
    tcp_connection(const asio::any_io_executor& executor, const protocol::authority& to,
                   const connector::settings& s, std::shared_ptr<timer_queue> timers,
                   std::shared_ptr<address_order> o)
        : to_(to), settings_(s), timers_(std::move(timers)), order_(std::move(o)),
          socket_(std::make_shared<abortable_socket>(executor)), reader_(limits(s)) {}

    asio::awaitable<void> run(exchange& x, steady_clock::time_point deadline) override {
        return to_.tls ? run_over(tls_, x, deadline) : run_over(socket_, x, deadline);
    }

    void interrupt(error_code why) override { socket_->interrupt(why); }

    void close() override {
        socket_->close();
        usable_until_ = {};
    }

    const protocol::authority& to() const override { return to_; }

    bool used() const override { return used_; }

    steady_clock::time_point usable_until() const override { return usable_until_; }

private:
    using progress = response_reader::progress;
    using transferred = void(error_code, std::size_t);

    static response_reader::limits limits(const connector::settings& s) {
        response_reader::limits l;
        l.body = s.max_response_size;
        return l;
    }

    // `stream` is null until the connection is established.
    template <class StreamPointer>
    asio::awaitable<void> run_over(StreamPointer& stream, exchange& x, steady_clock::time_point deadline) {
        const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
        async::throw_if_cancelled(cancellation);
        abortable_socket::io_scope scope(*socket_, cancellation.slot());
        timer_queue::registration timer(timers_, *socket_, used_ ? deadline : connect_deadline(deadline));
        error_code ec = socket_->aborted(); // before the exchange began
        if (!ec && !used_) {
            used_ = true;
            ec = co_await connect(x);
            timer.reschedule(deadline);
        } else if (!ec && has_unexpected_input()) {
            ec = asio::error::eof;
        }

        error_code sending;
        if (!ec) {
            x.phase = "sending the request to";
            x.applied = protocol::applied::unknown;
            join_request(x);
            const std::array<asio::const_buffer, 2> request{asio::buffer(x.head), asio::buffer(x.body)};
            for (asio::const_buffer left : request) {
                while (!sending && left.size() > 0) {
                    std::size_t n = 0;
                    std::tie(sending, n) = co_await write_some(*stream, left);
                    left += n;
                    x.bytes_sent += n;
                }
            }
            // After a failure, too: the peer may have sent its reason before it closed the connection.
            if (!sending) x.phase = "waiting for a response from";
            error_code receiving;
            reader_.start(x.response, x.id);
            for (progress p = progress::need_more; p == progress::need_more;) {
                std::size_t n = 0;
                std::tie(receiving, n) = co_await read_some(*stream, reader_.prepare());
                p = process_input(x, n, receiving);
            }
            x.bytes_received += reader_.received();
            x.response_begun = reader_.received() > 0;
            ec = exchange_error(sending, receiving, x.response.status);
        }

        usable_until_ = ec || sending ? steady_clock::time_point{} : reusable_until();
        const error_code aborted = scope.end(usable_until_ != steady_clock::time_point{});
        if (aborted) usable_until_ = {};
        if (!ec) co_return;
        x.error = aborted ? aborted : ec;
        if (peer_ && tls_ && !aborted && x.detail.empty())
            x.detail = peer_->explain(tls_->native_handle(), ec);
    }

    steady_clock::time_point connect_deadline(steady_clock::time_point deadline) const {
        return std::min(deadline, steady_clock::now() + settings_.connect_timeout);
    }

    // Returns whether the peer has closed the idle connection or sent data, which the next exchange would
    // take for its response. TLS may have read such data with the last response already.
    bool has_unexpected_input() {
        const bool received = socket_->with_lock([](tcp::socket& s) {
            std::array<char, 1> unread;
            error_code ec;
            s.receive(asio::buffer(unread), tcp::socket::message_peek, ec);
            return ec != asio::error::would_block;
        });
        return received || (tls_ && is_pending(tls_->native_handle()));
    }

    asio::awaitable<error_code> connect(exchange& x) {
        const bool tunnelled = settings_.proxy && settings_.proxy->applies_to(to_);
        const protocol::authority& next = tunnelled ? settings_.proxy->at() : to_;
        std::vector<asio::ip::address> addresses = known_addresses(next.host);
        error_code ec;
        if (addresses.empty()) {
            x.phase = tunnelled ? "looking up the proxy for" : "looking up";
            ec = co_await look_up(next.host, socket_->new_event(), addresses);
        }
        if (ec) co_return ec;
        x.phase = tunnelled ? "connecting to the proxy for" : "connecting to";
        ec = co_await connect_to(next, addresses);
        if (!ec) ec = socket_->with_lock(&set_up);
        if (!ec && tunnelled) ec = co_await open_tunnel(x);
        if (ec && tunnelled && x.detail.empty()) x.detail = "the proxy is " + next.host + ':' + next.port;
        if (!ec && to_.tls) ec = co_await do_handshake(x);
        co_return ec;
    }

    asio::awaitable<error_code> connect_to(const protocol::authority& a,
                                           std::vector<asio::ip::address>& addresses) {
        order_->sort(a.host, addresses, steady_clock::now());
        const auto port = static_cast<asio::ip::port_type>(std::stoi(a.port));
        std::vector<tcp::endpoint> endpoints;
        for (const auto& address : addresses) endpoints.emplace_back(address, port);
        own_socket connected(socket_->get_executor());
        std::size_t tried = 0;
        error_code ec = co_await connect_first(std::move(endpoints), socket_->new_event(), connected, tried);
        const auto now = steady_clock::now();
        if (!ec) {
            const tcp::endpoint peer = connected.remote_endpoint(ec);
            if (!ec) order_->record_response(a.host, addresses, peer.address(), now);
            ec = socket_->adopt(std::move(connected));
        } else if (!socket_->aborted() || socket_->aborted() == errc::timed_out) {
            order_->record_silence(a.host, addresses, tried, now);
        }
        co_return ec;
    }

    // Awaits one operation on a stream, which `begin` starts with a handler. Starting it cannot fail. The
    // socket handles cancellation, because Asio's composed operations would occupy its slot.
    template <class Signature, class Begin>
    auto async_operation(Begin begin) {
        socket_->arm_cancellation();
        return asio::async_initiate<decltype(as_result)&, Signature>(
            [this, begin](auto handler) {
                begin(asio::bind_allocator(
                    memory_.get_allocator(),
                    asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(handler))));
            },
            as_result);
    }

    template <class Stream>
    auto write_some(Stream& s, const asio::const_buffer& b) {
        return async_operation<transferred>(
            [&s, b](auto handler) { s.async_write_some(b, std::move(handler)); });
    }

    template <class Stream>
    auto read_some(Stream& s, const asio::mutable_buffer& b) {
        return async_operation<transferred>(
            [&s, b](auto handler) { s.async_read_some(b, std::move(handler)); });
    }

    static error_code set_up(tcp::socket& s) {
        error_code ec;
        s.set_option(tcp::no_delay(true), ec);
        if (ec) return ec;
        enable_keep_alive(s);
        s.non_blocking(true, ec); // for `has_unexpected_input`
        return ec;
    }

    asio::awaitable<error_code> open_tunnel(exchange& x) {
        const char* const phase = "asking the proxy for a tunnel to";
        x.phase = phase;
        error_code ec;
        std::size_t n = 0;
        const secret request = settings_.proxy->connect_request(to_);
        const std::string_view text = request.reveal();
        for (asio::const_buffer left = asio::buffer(text); !ec && left.size() > 0; left += n)
            std::tie(ec, n) = co_await write_some(*socket_, left);
        if (ec) co_return ec;
        protocol::response response;
        reader_.start(response, {}, false); // the response to CONNECT has no body
        for (progress p = progress::need_more; p == progress::need_more;) {
            std::tie(ec, n) = co_await read_some(*socket_, reader_.prepare());
            p = process_input(x, n, ec);
        }
        x.phase = phase;
        if (ec == errc::bad_response) {
            ec = errc::proxy_failed;
            x.detail = "the proxy's response is not valid HTTP";
        }
        if (!ec) ec = settings_.proxy->tunnel_error(response.status, x.detail);
        if (!ec && reader_.unread() > 0) {
            ec = errc::proxy_failed; // the service sends nothing before the client does
            x.detail = "unexpected data after the proxy's response";
        }
        co_return ec;
    }

    asio::awaitable<error_code> do_handshake(exchange& x) {
        x.phase = "TLS handshake with";
        peer_.emplace(settings_.tls, to_);
        tls_.emplace(*socket_, settings_.tls->context());
        error_code ec = peer_->prepare(tls_->native_handle());
        if (ec) co_return ec;
        std::tie(ec) = co_await async_operation<void(error_code)>(
            [this](auto handler) { tls_->async_handshake(std::move(handler)); });
        if (!ec) ec = peer_->check(tls_->native_handle());
        // Asio sets this mode, which frees and allocates 34 KB of buffers for each record.
        SSL_clear_mode(tls_->native_handle(), SSL_MODE_RELEASE_BUFFERS);
        co_return ec;
    }

    // Appends the body to the head if its memory has room: one packet and one TLS record instead of two.
    static void join_request(exchange& x) {
        if (x.head.capacity() - x.head.size() < x.body.size()) return;
        x.head.append(x.body);
        x.body = {};
    }

    // Processes `n` bytes of a response that arrived together with `ec`. At the end `ec` is the error of the
    // whole response.
    progress process_input(exchange& x, std::size_t n, error_code& ec) {
        progress p = progress::need_more;
        if (n > 0) {
            x.phase = "reading the response from";
            p = reader_.commit(n);
        } else {
            reader_.nothing_arrived();
        }
        if (p == progress::need_more && ec == asio::error::eof) p = reader_.end_of_stream();
        if (p == progress::need_more && ec) return progress::failed;
        if (p != progress::need_more) ec = p == progress::done ? error_code() : reader_.error();
        if (p == progress::failed) x.detail = reader_.detail();
        return p;
    }

    // Until when the connection may be reused after a complete exchange; a time long past if it may not.
    steady_clock::time_point reusable_until() {
        std::chrono::milliseconds idle = settings_.idle_timeout;
        // One second early, so that the next request does not cross the peer's close.
        if (const auto announced = reader_.keep_alive_timeout())
            idle = std::min<std::chrono::milliseconds>(idle, *announced - std::chrono::seconds(1));
        const bool reusable =
            reader_.keep_alive() && idle.count() > 0 && !(tls_ && is_pending(tls_->native_handle()));
        return reusable ? steady_clock::now() + idle : steady_clock::time_point{};
    }

    const protocol::authority to_;
    const connector::settings settings_;
    const std::shared_ptr<timer_queue> timers_;
    const std::shared_ptr<address_order> order_;
    const std::shared_ptr<abortable_socket> socket_;
    std::optional<tls_peer> peer_; // before `tls_`, whose callbacks use it
    std::optional<tls_stream> tls_;
    async::operation_memory memory_; // of the operation in flight
    response_reader reader_;
    bool used_ = false;
    steady_clock::time_point usable_until_;
};

} // namespace

connector::connector(asio::any_io_executor executor, const settings& s)
    : executor_(std::move(executor)), settings_(s), timers_(std::make_shared<timer_queue>(executor_)),
      order_(std::make_shared<address_order>()) {}

std::shared_ptr<connection> connector::make(const protocol::authority& to) const {
    return std::make_shared<tcp_connection>(executor_, to, settings_, timers_, order_);
}

} // namespace azkv::net
