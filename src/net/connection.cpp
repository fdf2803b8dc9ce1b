#include "net/connection.hpp"

#include "async/cancellation.hpp"
#include "async/operation_memory.hpp"
#include "net/abortable_socket.hpp"
#include "net/address.hpp"
#include "net/address_order.hpp"
#include "net/connect_first.hpp"
#include "net/deadlines.hpp"
#include "net/look_up.hpp"
#include "net/response_reader.hpp"
#include "net/tls.hpp"
#include "net/tls_stream.hpp"
#include "net/vanished_peer.hpp"
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

// Awaited, it gives the error code as well. Unlike `use_awaitable` it takes no coroutine of its own.
constexpr auto as_result = asio::as_tuple(asio::deferred);

class tcp_connection final : public connection {
public:
    tcp_connection(const asio::any_io_executor& executor, const protocol::authority& to,
                   const connector::settings& s, std::shared_ptr<deadlines> d,
                   std::shared_ptr<address_order> o)
        : to_(to), settings_(s), deadlines_(std::move(d)), order_(std::move(o)),
          socket_(std::make_shared<abortable_socket>(executor)), reader_(limits(s)) {}

    asio::awaitable<void> run(exchange& x, steady_clock::time_point deadline) override {
        return to_.tls ? carry(x, deadline, tls_) : carry(x, deadline, socket_);
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

    // `stream`: there is one when it is connected.
    template <class StreamPointer>
    asio::awaitable<void> carry(exchange& x, steady_clock::time_point deadline, StreamPointer& stream) {
        const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
        async::throw_if_cancelled(cancellation);
        abortable_socket::use use(*socket_, cancellation.slot());
        deadlines::watch watch(deadlines_, *socket_, used_ ? deadline : connect_deadline(deadline));
        error_code ec = socket_->aborted(); // before it began
        if (!ec && !used_) {
            used_ = true;
            ec = co_await connect(x);
            watch.move_to(deadline);
        } else if (!ec && peer_has_left()) {
            ec = asio::error::eof;
        }

        error_code unsent;
        std::size_t n = 0;
        if (!ec) {
            x.doing = "sending the request to";
            x.applied = protocol::applied::unknown;
            join_request(x);
            const std::array<asio::const_buffer, 2> request{asio::buffer(x.head), asio::buffer(x.body)};
            for (asio::const_buffer left : request) {
                while (!ec && left.size() > 0) {
                    std::tie(ec, n) = co_await write_some(*stream, left);
                    left += n;
                    x.bytes_sent += n;
                }
            }
            // A peer that does not take the whole request may have said why before it closed.
            unsent = std::exchange(ec, {});
        }
        if (!ec) {
            if (!unsent) x.doing = "waiting for the answer of";
            reader_.start(x.response, x.id);
            for (progress p = progress::need_more; p == progress::need_more;) {
                std::tie(ec, n) = co_await read_some(*stream, reader_.prepare());
                p = take(x, n, ec);
            }
            x.bytes_received += reader_.received();
            x.answer_begun = reader_.received() > 0;
            const bool alert = ec.category() == asio::error::get_ssl_category(); // the better reason
            if (ec && unsent && !alert) ec = unsent;
            // But what did not go out was not done.
            if (!ec && unsent && x.response.status < 400) ec = unsent;
        }

        usable_until_ = ec || unsent ? steady_clock::time_point{} : rest_until();
        const error_code aborted = use.end(usable_until_ != steady_clock::time_point{});
        if (aborted) usable_until_ = {};
        if (!ec) co_return;
        x.error = aborted ? aborted : ec;
        if (peer_ && tls_ && !aborted && x.detail.empty())
            x.detail = peer_->explain(tls_->native_handle(), ec);
    }

    steady_clock::time_point connect_deadline(steady_clock::time_point deadline) const {
        return std::min(deadline, steady_clock::now() + settings_.connect_timeout);
    }

    // Before another request: whether the peer has closed the connection, or sent what nobody asked for,
    // which would be taken for the answer. Some of it may be in TLS already, behind the last answer.
    bool peer_has_left() {
        const bool received = socket_->with([](tcp::socket& s) {
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
            x.doing = tunnelled ? "looking up the proxy for" : "looking up";
            ec = co_await look_up(next.host, socket_->new_event(), addresses);
        }
        if (ec) co_return ec;
        x.doing = tunnelled ? "connecting to the proxy for" : "connecting to";
        ec = co_await connect_to(next, addresses);
        if (!ec) ec = socket_->with(&set_up);
        if (!ec && tunnelled) ec = co_await open_tunnel(x);
        if (ec && tunnelled && x.detail.empty()) x.detail = "the proxy is " + next.host + ':' + next.port;
        if (!ec && to_.tls) ec = co_await agree_on_tls(x);
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
            if (!ec) order_->answered(a.host, addresses, peer.address(), now);
            ec = socket_->adopt(std::move(connected));
        } else if (!socket_->aborted() || socket_->aborted() == errc::timed_out) {
            order_->were_silent(a.host, addresses, tried, now);
        }
        co_return ec;
    }

    // One step on a stream, which `begin` begins with a handler. That cannot fail any more. Cancellation is
    // left to the socket, whose slot Asio's composed operations would take for themselves.
    template <class Signature, class Begin>
    auto step(Begin begin) {
        socket_->heed_cancellation();
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
        return step<transferred>([&s, b](auto handler) { s.async_write_some(b, std::move(handler)); });
    }

    template <class Stream>
    auto read_some(Stream& s, const asio::mutable_buffer& b) {
        return step<transferred>([&s, b](auto handler) { s.async_read_some(b, std::move(handler)); });
    }

    static error_code set_up(tcp::socket& s) {
        error_code ec;
        s.set_option(tcp::no_delay(true), ec);
        if (ec) return ec;
        notice_vanished_peer(s);
        s.non_blocking(true, ec); // for `peer_has_left`
        return ec;
    }

    asio::awaitable<error_code> open_tunnel(exchange& x) {
        const char* const doing = "asking the proxy for a tunnel to";
        x.doing = doing;
        error_code ec;
        std::size_t n = 0;
        const secret request = settings_.proxy->connect_request(to_);
        const std::string_view text = request.reveal();
        for (asio::const_buffer left = asio::buffer(text); !ec && left.size() > 0; left += n)
            std::tie(ec, n) = co_await write_some(*socket_, left);
        if (ec) co_return ec;
        protocol::response answer;
        reader_.start(answer, {}, false); // what follows the head is no body
        for (progress p = progress::need_more; p == progress::need_more;) {
            std::tie(ec, n) = co_await read_some(*socket_, reader_.prepare());
            p = take(x, n, ec);
        }
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
        tls_.emplace(*socket_, settings_.tls->context());
        error_code ec = peer_->prepare(tls_->native_handle());
        if (ec) co_return ec;
        std::tie(ec) = co_await step<void(error_code)>(
            [this](auto handler) { tls_->async_handshake(std::move(handler)); });
        if (!ec) ec = peer_->check(tls_->native_handle());
        // Asio has it give back its buffers, 34 KB, after each record, and get them again for the next.
        SSL_clear_mode(tls_->native_handle(), SSL_MODE_RELEASE_BUFFERS);
        co_return ec;
    }

    // A body goes into one packet, and one record of TLS, with the head, if there was made room for it there.
    static void join_request(exchange& x) {
        if (x.head.capacity() - x.head.size() < x.body.size()) return;
        x.head.append(x.body);
        x.body = {};
    }

    // `n` bytes of an answer arrived, and `ec` tells of what else happened. At the end it is that of all.
    progress take(exchange& x, std::size_t n, error_code& ec) {
        progress p = progress::need_more;
        if (n > 0) {
            x.doing = "reading the answer of";
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

    // Until when the connection may be used again, after a whole exchange; a time long past if not at all.
    steady_clock::time_point rest_until() {
        std::chrono::milliseconds idle = settings_.idle_timeout;
        // A second early, so as not to meet the peer's closing half-way.
        if (const auto announced = reader_.keep_alive_timeout())
            idle = std::min<std::chrono::milliseconds>(idle, *announced - std::chrono::seconds(1));
        const bool reusable =
            reader_.keep_alive() && idle.count() > 0 && !(tls_ && is_pending(tls_->native_handle()));
        return reusable ? steady_clock::now() + idle : steady_clock::time_point{};
    }

    const protocol::authority to_;
    const connector::settings settings_;
    const std::shared_ptr<deadlines> deadlines_;
    const std::shared_ptr<address_order> order_;
    const std::shared_ptr<abortable_socket> socket_;
    std::optional<tls_peer> peer_; // before `tls_`, which calls it
    std::optional<tls_stream> tls_;
    async::operation_memory memory_; // of the step that is under way
    response_reader reader_;
    bool used_ = false;
    steady_clock::time_point usable_until_;
};

} // namespace

connector::connector(asio::any_io_executor executor, const settings& s)
    : executor_(std::move(executor)), settings_(s), deadlines_(std::make_shared<deadlines>(executor_)),
      order_(std::make_shared<address_order>()) {}

std::shared_ptr<connection> connector::make(const protocol::authority& to) const {
    return std::make_shared<tcp_connection>(executor_, to, settings_, deadlines_, order_);
}

} // namespace azkv::net
