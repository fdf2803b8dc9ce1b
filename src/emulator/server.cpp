#include "emulator/server.hpp"

#include "emulator/accounts.hpp"
#include "emulator/fault_player.hpp"
#include "emulator/fault_view.hpp"
#include "emulator/request_log.hpp"
#include "emulator/service.hpp"
#include "emulator/target.hpp"

#include <azkv/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <optional>
#include <set>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace azkv::emulation {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t read_size = 64 * 1024;
constexpr std::uint32_t largest_head = 64 * 1024;
constexpr std::uint64_t largest_body =
    64 << 20; // far above the service's limit, so that the service rejects the request itself

using request_parser = http::request_parser<http::string_body>;

void prepare(request_parser& parser) {
    parser.header_limit(largest_head);
    parser.body_limit(largest_body);
    parser.eager(true); // parse the body in the same call
}

request read_message(http::request<http::string_body>&& message) {
    request r;
    r.method = std::string(message.method_string());
    r.target = std::string(message.target());
    if (const auto absolute = boost::urls::parse_absolute_uri(message.target())) // as sent to a proxy
        r.target = std::string(absolute->encoded_target());
    for (const auto& field : message) r.headers.emplace_back(field.name_string(), field.value());
    r.body = std::move(message.body());
    return r;
}

/// Serializes a response.
std::string write_message(const reply& answer, std::string_view method, bool keep_alive) {
    std::string bytes;
    bytes.reserve(answer.body.size() + 1024);
    const auto reason = http::obsolete_reason(http::int_to_status(answer.status));
    bytes.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ").append(reason).append("\r\n");
    for (const auto& [name, text] : answer.headers)
        bytes.append(name).append(": ").append(text).append("\r\n");
    if (!keep_alive) bytes.append("Connection: close\r\n");
    if (answer.status != 204) // without a body, hence without its length
        bytes.append("Content-Length: ").append(std::to_string(answer.body.size())).append("\r\n");
    bytes.append("\r\n");
    if (answer.status != 204 && method != "HEAD") bytes.append(answer.body);
    return bytes;
}

// HTTP/1.0 would need a header to keep the connection open, so it is closed.
bool keeps_alive(const http::request<http::string_body>& message) {
    return message.version() >= 11 && message.keep_alive();
}

// A program started by a test must not inherit the port or the connections.
void close_on_exec(int descriptor) {
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

std::string to_string(const tcp::endpoint& at) {
    const std::string address = at.address().to_string();
    return (at.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(at.port());
}

/// The connections of a server.
class session_list {
public:
    std::set<class session*> all;
    std::atomic<std::uint64_t> open{0};
};

/// The connection of a client. It is in the list as long as it lives.
class session {
public:
    session(tcp::socket s, std::shared_ptr<session_list> list)
        : socket(std::move(s)), timer(socket.get_executor()), list_(std::move(list)) {
        list_->all.insert(this);
        ++list_->open;
    }

    ~session() {
        close();
        list_->all.erase(this);
    }

    session(const session&) = delete;
    session& operator=(const session&) = delete;

    tcp::socket socket;
    asio::steady_timer timer;
    origin from;

    bool is_open() const { return open_; }

    void close() {
        if (std::exchange(open_, false)) --list_->open;
        error_code ignored;
        socket.close(ignored);
        timer.cancel();
    }

    void reset() {
        error_code ignored;
        socket.set_option(asio::socket_base::linger(true, 0), ignored);
        close();
    }

    asio::awaitable<void> pause(std::chrono::microseconds time) {
        timer.expires_after(time);
        co_await timer.async_wait(asio::use_awaitable);
    }

private:
    std::shared_ptr<session_list> list_;
    bool open_ = true;
};

/// A request, its client and its account, which outlive it.
class exchange {
public:
    exchange(session& s, accounts& all, request_parser& parser)
        : client(s), keep_alive(keeps_alive(parser.get())), asked(read_message(parser.release())),
          serving(all.serving(asked)) {}

    session& client;
    const bool keep_alive;
    const request asked;
    service& serving;
    const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
    std::optional<partition_charge> charge; // only if partitions are throttled
};

class http_server final : public server, public std::enable_shared_from_this<http_server> {
public:
    http_server(const asio::any_io_executor& ex, const emulator_options& o)
        : strand_(asio::make_strand(ex)), host_(o.host()), log_(o.log()), accounts_(o),
          player_(fault_plan(), o.mode()) {
        if (!o.certificates().empty()) use_tls(o);
        listeners_ = listen(o.port());
        port_ = listeners_.front()->local_endpoint().port();
    }

    unsigned short port() const override { return port_; }

    emulator_counters counters() const override {
        emulator_counters c;
        c.requests = requests_;
        c.faults = faults_;
        c.connections = connections_;
        c.open_connections = sessions_->open;
        c.handshakes = handshakes_;
        c.resumed_handshakes = resumed_handshakes_;
        return c;
    }

    void start() override {
        const bool first = !started_.exchange(true);
        auto listeners = first ? std::move(listeners_) : listen(port_);
        asio::dispatch(strand_, [self = shared_from_this(), listeners = std::move(listeners)] {
            self->listeners_ = listeners;
            for (const auto& l : listeners)
                asio::co_spawn(self->strand_, self->accept(self, l), asio::detached);
        });
    }

    void stop(std::function<void()> done) override {
        asio::dispatch(strand_, [self = shared_from_this(), done = std::move(done)] {
            error_code ignored;
            for (const auto& l : self->listeners_) {
                ::shutdown(l->native_handle(),
                           SHUT_RDWR); // closing is not enough if a forked child has it, too
                l->close(ignored);
            }
            self->listeners_.clear();
            for (session* s : self->sessions_->all) {
                s->socket.shutdown(tcp::socket::shutdown_both, ignored);
                s->close();
            }
            done();
        });
    }

    // Deferred to the next request, because a fault's condition may call this.
    void faults(fault_plan plan) override {
        asio::dispatch(strand_,
                       [self = shared_from_this(), plan = std::move(plan)] { self->next_plan_ = plan; });
    }

private:
    void use_tls(const emulator_options& o) {
        tls_.emplace(asio::ssl::context::tls_server);
        tls_->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
        // By default OpenSSL would prompt on the terminal.
        tls_->set_password_callback(
            [](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
        const auto use = [](const char* what, auto load) {
            try {
                load();
            } catch (const boost::system::system_error& e) {
                const auto reason = ERR_GET_REASON(static_cast<unsigned long>(e.code().value()));
                throw error(errc::invalid_argument,
                            std::string("tls: the ") + what
                                + (reason == X509_R_KEY_VALUES_MISMATCH
                                       ? " belongs to another certificate"
                                       : " cannot be used; it must be the text of a PEM file"));
            }
        };
        use("certificate", [&] { tls_->use_certificate_chain(asio::buffer(o.certificates())); });
        use("certificate's key, which must not be encrypted,",
            [&] { tls_->use_private_key(asio::buffer(o.certificate_key()), asio::ssl::context::pem); });
        SSL_CTX_set_session_id_context(tls_->native_handle(), reinterpret_cast<const unsigned char*>("azkv"),
                                       4);
    }

    using listener = std::shared_ptr<tcp::acceptor>;

    listener listen_at(const asio::ip::address& address, unsigned short port) {
        const tcp::endpoint at(address, port);
        try {
            auto l = std::make_shared<tcp::acceptor>(strand_, at);
            close_on_exec(l->native_handle());
            return l;
        } catch (const boost::system::system_error& e) {
            const error_code ec(e.code().value(), e.code().category()); // without the source location
            throw boost::system::system_error(ec, "cannot listen on " + to_string(at));
        }
    }

    // By default listens on both loopback addresses, because `localhost` may be either. Port 0 selects one
    // that is free on both.
    std::vector<listener> listen(unsigned short port) {
        if (!host_.empty()) return {listen_at(asio::ip::make_address(host_), port)};
        constexpr int most_tries = 20;
        for (int tries = 1;; ++tries) {
            std::vector<listener> listeners;
            listeners.push_back(listen_at(asio::ip::address_v4::loopback(), port));
            try {
                const auto found = listeners.front()->local_endpoint().port();
                listeners.push_back(listen_at(asio::ip::address_v6::loopback(), found));
                return listeners;
            } catch (const boost::system::system_error& e) {
                const bool taken = e.code() == asio::error::address_in_use;
                if (!taken) return listeners; // this machine has no IPv6
                if (port != 0 || tries == most_tries) throw;
            }
        }
    }

    asio::awaitable<void> accept(std::shared_ptr<http_server> self, std::shared_ptr<tcp::acceptor> acceptor) {
        while (acceptor->is_open()) {
            error_code ec;
            tcp::socket socket =
                co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, ec));
            if (!acceptor->is_open()) break;
            if (!ec) close_on_exec(socket.native_handle());
            if (ec) { // for example, no file descriptor left: wait for one
                asio::steady_timer timer(strand_, std::chrono::milliseconds(10));
                co_await timer.async_wait(asio::use_awaitable);
                continue;
            }
            ++connections_;
            // Enters the list now, so that `stop` closes it even before it is served.
            auto s = std::make_shared<session>(std::move(socket), sessions_);
            asio::co_spawn(strand_, serve(self, std::move(s)), asio::detached);
        }
    }

    // `self` keeps the server alive.
    asio::awaitable<void> serve([[maybe_unused]] std::shared_ptr<http_server> self,
                                std::shared_ptr<session> client) {
        session& s = *client;
        try {
            s.socket.set_option(tcp::no_delay(true));
            s.from.address = s.socket.remote_endpoint().address().to_string();
            if (tls_) {
                s.from.tls = true;
                asio::ssl::stream<tcp::socket&> stream(s.socket, *tls_);
                co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
                ++handshakes_;
                if (SSL_session_reused(stream.native_handle())) ++resumed_handshakes_;
                co_await serve_requests(s, stream);
                // Without a proper shutdown the client could not resume the session.
                if (s.is_open()) co_await stream.async_shutdown(asio::use_awaitable);
            } else {
                co_await serve_requests(s, s.socket);
            }
        } catch (const boost::system::system_error&) {
            // The client has closed the connection, or the server was stopped.
        }
    }

    template <class Stream>
    asio::awaitable<void> serve_requests(session& s, Stream& stream) {
        boost::beast::flat_buffer buffer;
        bool keep_open = true;
        while (keep_open && s.is_open()) {
            if (buffer.size() == 0) co_await read_more(stream, buffer);
            ++requests_;
            if (next_plan_)
                player_ = fault_player(*std::exchange(next_plan_, std::nullopt), accounts_.mode());
            std::optional<fault> drawn = player_.begin();
            if (drawn && fault_view(*drawn).kind() == fault_kind::cut_request) {
                ++faults_;
                while (buffer.size() < fault_view(*drawn).count() && !has_request(buffer))
                    co_await read_more(stream, buffer);
                if (log_) log_unread(s, 0, fault_kind::cut_request);
                s.close();
                co_return;
            }
            request_parser parser;
            prepare(parser);
            const error_code ec = co_await read_request(stream, buffer, parser);
            if (ec) {
                const reply refusal = rejection(ec);
                if (log_) log_unread(s, refusal.status);
                const std::string bytes = write_message(refusal, {}, false);
                co_await asio::async_write(stream, asio::buffer(bytes), asio::use_awaitable);
                s.close();
                co_return;
            }
            exchange x(s, accounts_, parser);
            if (player_.throttles_partitions())
                x.charge = read_charge(x.asked, x.serving.account(), accounts_.mode());
            const auto chosen =
                player_.choose(std::move(drawn), x.asked.method, x.asked.target, x.begun, x.charge);
            const auto latency = player_.draw_latency();
            if (latency.count() > 0) co_await s.pause(latency);
            if (chosen) {
                ++faults_;
                keep_open = co_await play_fault(x, stream, fault_view(*chosen));
            } else {
                keep_open = x.keep_alive;
                const std::string bytes = write(x, execute(x));
                co_await asio::async_write(stream, asio::buffer(bytes), asio::use_awaitable);
            }
        }
    }

    reply execute(const exchange& x, std::optional<std::size_t> max_rows = std::nullopt) {
        reply answer = x.serving.answer(x.asked, x.client.from, max_rows);
        if (x.charge && x.charge->is_query)
            player_.charge(*x.charge, answer.rows, std::chrono::steady_clock::now());
        return answer;
    }

    std::string write(const exchange& x, const reply& answer,
                      std::optional<fault_kind> met = std::nullopt) const {
        if (log_) log(x, answer.status, met);
        return write_message(answer, x.asked.method, x.keep_alive);
    }

    // Logs an exchange; without status there is no response.
    void log(const exchange& x, unsigned status, std::optional<fault_kind> met) const {
        log_entry e;
        e.time = std::chrono::system_clock::now();
        e.address = x.client.from.address;
        e.asked = &x.asked;
        e.status = status;
        e.took =
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - x.begun);
        e.fault = met;
        log_(write_line(e));
    }

    // Logs what has not become a request.
    void log_unread(const session& s, unsigned status, std::optional<fault_kind> met = std::nullopt) const {
        log_entry e;
        e.time = std::chrono::system_clock::now();
        e.address = s.from.address;
        e.status = status;
        e.fault = met;
        log_(write_line(e));
    }

    // Returns whether the connection stays open.
    template <class Stream>
    asio::awaitable<bool> play_fault(const exchange& x, Stream& stream, fault_view what) {
        session& s = x.client;
        if (what.wait().count() > 0) co_await s.pause(what.wait());
        const std::optional<std::string> bytes = response_to(x, what);
        switch (what.kind()) {
        case fault_kind::close:
        case fault_kind::cut_request: s.close(); co_return false;
        case fault_kind::reset: s.reset(); co_return false;
        case fault_kind::cut_answer: {
            const std::size_t n = std::min(what.count(), bytes->size());
            co_await asio::async_write(stream, asio::buffer(*bytes, n), asio::use_awaitable);
            s.close();
            co_return false;
        }
        case fault_kind::garbage:
        case fault_kind::close_after:
            co_await asio::async_write(stream, asio::buffer(*bytes), asio::use_awaitable);
            s.close();
            co_return false;
        case fault_kind::trickle:
            for (std::size_t at = 0; at < bytes->size(); at += what.count()) {
                const std::size_t n = std::min(what.count(), bytes->size() - at);
                co_await asio::async_write(stream, asio::buffer(bytes->data() + at, n), asio::use_awaitable);
                co_await s.pause(what.pause());
            }
            co_return x.keep_alive;
        case fault_kind::answer:
        case fault_kind::answer_body:
        case fault_kind::answer_in_batch:
        case fault_kind::short_page:
        case fault_kind::delay:
        case fault_kind::throttle:
        case fault_kind::partition_throttle: break;
        }
        co_await asio::async_write(stream, asio::buffer(*bytes), asio::use_awaitable);
        co_return x.keep_alive;
    }

    // Executes the request as far as the fault allows. Returns the response, if there is one.
    std::optional<std::string> response_to(const exchange& x, fault_view what) {
        reply answer;
        switch (what.kind()) {
        case fault_kind::close:
        case fault_kind::cut_request:
        case fault_kind::reset:
        case fault_kind::garbage:
            if (log_) log(x, 0, what.kind());
            return what.kind() == fault_kind::garbage ? std::optional(what.text()) : std::nullopt;
        case fault_kind::answer_body:
            answer.status = what.status();
            answer.body = what.text();
            break;
        case fault_kind::answer_in_batch:
            if (is_batch(x.asked.target)) {
                answer = x.serving.refuse_in_batch(x.asked, what.status(), what.code(), what.text());
                break;
            }
            [[fallthrough]];
        case fault_kind::answer:
        case fault_kind::throttle:
        case fault_kind::partition_throttle:
            answer = x.serving.refuse(x.asked, what.status(), what.code(), what.text());
            break;
        case fault_kind::short_page: answer = execute(x, what.count()); break;
        case fault_kind::cut_answer:
        case fault_kind::close_after:
        case fault_kind::trickle:
        case fault_kind::delay: answer = execute(x); break;
        }
        for (const auto& h : what.headers()) answer.headers.push_back(h);
        return write(x, answer, what.kind());
    }

    template <class Stream>
    static asio::awaitable<void> read_more(Stream& stream, boost::beast::flat_buffer& buffer) {
        const auto space = buffer.prepare(read_size);
        const std::size_t n = co_await stream.async_read_some(space, asio::use_awaitable);
        buffer.commit(n);
    }

    // Reads until the parser has a complete request, or returns the parser's error. Bytes beyond the request
    // stay in the buffer. Beast's own operations would go through the executor once more each, even for
    // buffered data.
    template <class Stream>
    static asio::awaitable<error_code> read_request(Stream& stream, boost::beast::flat_buffer& buffer,
                                                    request_parser& parser) {
        bool sent_continue = false;
        for (;;) {
            error_code ec;
            buffer.consume(parser.put(buffer.cdata(), ec));
            if (ec == http::error::need_more) ec = {};
            if (ec) co_return ec;
            const bool expects_continue =
                parser.is_header_done() && !sent_continue
                && boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
            if (expects_continue) {
                constexpr std::string_view interim_response = "HTTP/1.1 100 Continue\r\n\r\n";
                co_await asio::async_write(stream, asio::buffer(interim_response), asio::use_awaitable);
                sent_continue = true;
            }
            if (parser.is_done()) co_return ec;
            co_await read_more(stream, buffer);
        }
    }

    // Returns whether the buffer has a complete request. A client sends nothing more before the response.
    static bool has_request(const boost::beast::flat_buffer& buffer) {
        request_parser parser;
        prepare(parser);
        error_code ec;
        parser.put(buffer.cdata(), ec);
        return ec ? ec != http::error::need_more : parser.is_done();
    }

    // Returns the response to a request that is not valid HTTP or is too large.
    static reply rejection(error_code ec) {
        reply answer;
        answer.status = ec == http::error::body_limit ? 413 : ec == http::error::header_limit ? 431 : 400;
        return answer;
    }

    asio::strand<asio::any_io_executor> strand_;
    std::vector<listener> listeners_; // empty if stopped
    unsigned short port_ = 0;
    std::atomic<bool> started_ = false;
    std::optional<asio::ssl::context> tls_;
    const std::string host_; // to listen on; empty: the loopback addresses
    const emulator_options::log_function log_;
    accounts accounts_;
    fault_player player_;
    std::optional<fault_plan> next_plan_;
    std::shared_ptr<session_list> sessions_ = std::make_shared<session_list>();
    std::atomic<std::uint64_t> requests_{0};
    std::atomic<std::uint64_t> faults_{0};
    std::atomic<std::uint64_t> connections_{0};
    std::atomic<std::uint64_t> handshakes_{0};
    std::atomic<std::uint64_t> resumed_handshakes_{0};
};

} // namespace

std::shared_ptr<server> make_server(asio::any_io_executor ex, const emulator_options& o) {
    auto s = std::make_shared<http_server>(ex, o);
    s->start();
    return s;
}

} // namespace azkv::emulation
