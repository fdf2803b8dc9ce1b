// More operations than connections, against a real server on loopback; and closing at any point.

#include "net/http_transport.hpp"
#include "net/keep_alive.hpp"
#include "net/proxy_access.hpp"
#include "net/tls.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv/proxy.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

protocol::authority at(unsigned short port) {
    protocol::authority a;
    a.host = "127.0.0.1";
    a.port = std::to_string(port);
    return a;
}

http_reply ok(const http_request&) {
    return http_reply(200, "{}");
}

/// One operation, with its parameters and its outcome.
class operation {
public:
    explicit operation(protocol::authority to, std::string target = "/") : to_(std::move(to)) {
        x.to = &to_;
        x.head = "GET " + std::move(target) + " HTTP/1.1\r\nHost: here\r\n\r\n";
        x.deadline = steady_clock::now() + 1h;
        x.idempotency = protocol::idempotency::idempotent;
    }

    protocol::response response;
    net::exchange x{response};
    bool cancelled = false;
    bool ended = false;

    error_code outcome() const { return cancelled ? asio::error::operation_aborted : x.error; }

private:
    protocol::authority to_;
};

asio::awaitable<void> carry_out(std::shared_ptr<net::http_transport> t, std::shared_ptr<operation> op) {
    try {
        co_await t->run(op->x);
    } catch (const boost::system::system_error& e) {
        op->cancelled = e.code() == asio::error::operation_aborted;
    }
    op->ended = true;
}

using operations = std::vector<std::shared_ptr<operation>>;

void wait_for(const operations& all, asio::io_context& context) {
    context.restart();
    context.run();
    CHECK(std::ranges::all_of(all, &operation::ended));
}

void spawn(asio::io_context& context, const std::shared_ptr<net::http_transport>& t,
           const std::shared_ptr<operation>& op) {
    asio::co_spawn(context, carry_out(t, op), [](std::exception_ptr e) { CHECK_FALSE(e); });
}

/// Checks what must hold when no operation is in flight.
void check_at_rest(const net::http_transport& t, std::size_t max) {
    CHECK(t.connections().in_use() == 0);
    CHECK(t.connections().waiting() == 0);
    CHECK(t.connections().idle() <= max);
}

std::shared_ptr<net::http_transport> make(const asio::any_io_executor& executor, std::size_t max,
                                          const net::connector::settings& s = {}) {
    return std::make_shared<net::http_transport>(executor, net::pool::limits(max), s);
}

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t size = 0;
    std::size_t resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

milliseconds processor_time() {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return milliseconds((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000
                        + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000);
}

/// Listens, and never accepts.
class silent_listener {
public:
    explicit silent_listener(int backlog = 128)
        : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        acceptor_.listen(backlog);
    }

    /// Fills the queue, so that further connections hang.
    void fill() {
        for (int i = 0; i < 3; ++i) {
            queue_.emplace_back(context_);
            queue_.back().async_connect(acceptor_.local_endpoint(), [](error_code) {});
        }
        context_.poll();
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

private:
    asio::io_context context_;
    tcp::acceptor acceptor_;
    std::vector<tcp::socket> queue_;
};

} // namespace

TEST_CASE("ten thousand operations over 64 connections") {
    constexpr std::size_t max = 64;
    constexpr std::size_t many = 10'000;
    http_server server(ok);
    asio::io_context context;
    const auto t = make(context.get_executor(), max);
    const std::size_t memory = resident_bytes();
    const milliseconds used = processor_time();
    const auto begun = steady_clock::now();
    operations all;
    for (std::size_t i = 0; i < many; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port())));
        spawn(context, t, all.back());
    }
    run_until(context, [&] { return t->connections().waiting() + server.requests() >= many - max; });
    const std::size_t grown = resident_bytes() - memory;
    wait_for(all, context);
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
    rusage peak{};
    ::getrusage(RUSAGE_SELF, &peak);
    MESSAGE("wall ", took.count(), " ms, processor (with the server) ", (processor_time() - used).count(),
            " ms, ", grown / many, " bytes for each operation in flight, peak ", peak.ru_maxrss, " KiB");

    CHECK(std::ranges::all_of(all, [](const auto& op) { return !op->x.error; }));
    CHECK(server.requests() == many);
    CHECK(server.connections() == max);
    CHECK(server.most_open() == max);
    CHECK(took < 60s);
    CHECK(t->connections().idle() == max);
    check_at_rest(*t, max);
    CHECK(all.front()->x.waited < all.back()->x.waited);
    CHECK_FALSE(all.front()->x.connection_reused);
    CHECK(all.back()->x.connection_reused);
}

TEST_CASE("the queue is first come first served even across dead connections") {
    std::vector<int> order; // the server's thread writes it
    http_server server([&](const http_request& r) {
        const int n = std::stoi(r.target.substr(1));
        order.push_back(n);
        http_reply reply(200, "{}");
        reply.close = n % 2 == 0; // without announcing it
        return reply;
    });
    asio::io_context context;
    const auto t = make(context.get_executor(), 1);
    operations all;
    for (int i = 0; i < 300; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port()), "/" + std::to_string(i)));
        spawn(context, t, all.back());
    }
    wait_for(all, context);
    CHECK(std::ranges::all_of(all, [](const auto& op) { return !op->x.error; }));
    CHECK(order.size() == all.size());
    CHECK(std::ranges::is_sorted(order));
    CHECK(server.most_open() == 1);
    check_at_rest(*t, 1);
}

TEST_CASE("a request that lost its connection is repeated in its place") {
    constexpr int many = 200;
    std::vector<int> sent; // the server's thread writes it
    http_server server([&](const http_request& r) {
        const int n = std::stoi(r.target.substr(1));
        http_reply reply(200, "{}");
        reply.drop = n % 2 == 1 && (sent.empty() || sent.back() != n); // the first time
        sent.push_back(n);
        return reply;
    });
    asio::io_context context;
    const auto t = make(context.get_executor(), 1);
    operations all;
    for (int i = 0; i < many; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port()), "/" + std::to_string(i)));
        spawn(context, t, all.back());
    }
    wait_for(all, context);
    CHECK(sent.size() == many + many / 2);
    CHECK(std::ranges::is_sorted(sent));
    CHECK(server.most_open() == 1);
    for (int i = 0; i < many; ++i) {
        const net::exchange& x = all[static_cast<std::size_t>(i)]->x;
        CHECK_FALSE(x.error);
        CHECK((x.applied == protocol::applied::unknown) == (i % 2 == 1));
        CHECK(x.connection_reused == (i % 2 == 0 && i > 0));
    }
    check_at_rest(*t, 1);
}

TEST_CASE("a request that is not idempotent is not sent again on a new connection") {
    http_server server([](const http_request& r) {
        http_reply reply(200, "{}");
        reply.drop = r.target == "/lost";
        return reply;
    });
    asio::io_context context;
    const auto t = make(context.get_executor(), 1);
    operations all{std::make_shared<operation>(at(server.port()), "/"),
                   std::make_shared<operation>(at(server.port()), "/lost")};
    all[1]->x.idempotency = protocol::idempotency::never;
    for (const auto& op : all) spawn(context, t, op);
    wait_for(all, context);
    CHECK_FALSE(all[0]->x.error);
    CHECK(all[1]->x.connection_reused);
    CHECK(all[1]->x.error);
    CHECK(all[1]->x.applied == protocol::applied::unknown);
    CHECK(server.requests() == 2);
}

TEST_CASE("a server that closes every connection causes no error") {
    constexpr std::size_t max = 8;
    http_server server([](const http_request&) {
        http_reply r(200, "{}");
        r.close = true; // without announcing it
        return r;
    });
    asio::io_context context;
    const auto t = make(context.get_executor(), max);
    operations all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port())));
        spawn(context, t, all.back());
    }
    wait_for(all, context);
    CHECK(std::ranges::all_of(all, [](const auto& op) { return !op->x.error; }));
    CHECK(server.requests() == all.size());
    CHECK(server.most_open() <= max);
    check_at_rest(*t, max);
}

TEST_CASE("a single-use connection is closed before the next is opened") {
    constexpr std::size_t max = 8;
    http_server server(ok); // leaves closing to the client
    asio::thread_pool threads(4);
    net::connector::settings s;
    s.idle_timeout = 0ms;
    const auto t = make(threads.get_executor(), max, s);
    operations all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port())));
        asio::co_spawn(threads, carry_out(t, all.back()), [](std::exception_ptr e) { CHECK_FALSE(e); });
    }
    threads.join();
    CHECK(std::ranges::all_of(all, [](const auto& op) { return op->ended && !op->x.error; }));
    CHECK(server.connections() == all.size());
    CHECK(server.most_open() <= max);
    CHECK(t->connections().idle() == 0);
    check_at_rest(*t, max);
}

TEST_CASE("64 connections to a restarted server") {
    constexpr std::size_t max = 64;
    asio::io_context context;
    const auto t = make(context.get_executor(), max);
    unsigned short port = 0;
    const auto use = [&](std::size_t many) {
        operations all;
        for (std::size_t i = 0; i < many; ++i) {
            all.push_back(std::make_shared<operation>(at(port)));
            spawn(context, t, all.back());
        }
        wait_for(all, context);
        CHECK(std::ranges::all_of(all, [](const auto& op) { return !op->x.error; }));
    };
    {
        http_server before(ok);
        port = before.port();
        use(max * 2);
        CHECK(t->connections().idle() == max);
    }
    http_server after(ok, port);
    use(1000);
    CHECK(after.requests() == 1000);
    CHECK(after.connections() == max);
    CHECK(after.most_open() == max);
    CHECK(t->connections().idle() == max);
    check_at_rest(*t, max);
}

TEST_CASE("a deadline that expires in the queue ends its call and moves up the others") {
    std::vector<int> order; // the server's thread writes it
    http_server server([&](const http_request& r) {
        order.push_back(std::stoi(r.target.substr(1)));
        http_reply reply(200, "{}");
        if (order.back() == 0) reply.delay = 100ms;
        return reply;
    });
    asio::io_context context;
    const auto t = make(context.get_executor(), 1);
    operations all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port()), "/" + std::to_string(i)));
        if (i % 2 == 1) all.back()->x.deadline = steady_clock::now() + 5ms;
        spawn(context, t, all.back());
    }
    wait_for(all, context);
    for (int i = 0; i < 1000; ++i) {
        const net::exchange& x = all[static_cast<std::size_t>(i)]->x;
        CHECK(x.error == (i % 2 == 1 ? make_error_code(errc::timed_out) : error_code()));
        CHECK((x.bytes_sent > 0) == (i % 2 == 0));
        CHECK(x.applied == protocol::applied::no);
    }
    CHECK(order.size() == 500);
    CHECK(std::ranges::is_sorted(order));
    CHECK(server.connections() == 1);
    check_at_rest(*t, 1);
}

TEST_CASE("an attempt's time begins when it has its connection") {
    http_server server([](const http_request& r) {
        http_reply reply(200, "{}");
        reply.delay = r.target == "/slow" ? 1h : 30ms;
        return reply;
    });
    asio::io_context context;
    const auto t = make(context.get_executor(), 1);
    operations all;
    for (int i = 0; i < 5; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port()), i == 2 ? "/slow" : "/"));
        if (i == 2) all.back()->x.attempt_timeout = 150ms;
        spawn(context, t, all.back());
    }
    wait_for(all, context);
    for (int i = 0; i < 5; ++i)
        CHECK(all[static_cast<std::size_t>(i)]->x.error
              == (i == 2 ? make_error_code(errc::timed_out) : error_code()));
    CHECK(all[2]->x.waited >= 60ms); // it was sent all the same
    CHECK(all[2]->x.applied == protocol::applied::unknown);
    CHECK(server.requests() == 5);
    check_at_rest(*t, 1);
}

TEST_CASE("four threads with operations that succeed or time out or fail or are cancelled") {
    constexpr std::size_t max = 64;
    constexpr int many = 10'000;
    http_server server([](const http_request& r) {
        http_reply reply(200, "{}");
        reply.drop = r.target == "/drop";
        reply.reset = r.target == "/reset";
        if (r.target == "/slow") reply.delay = 1h;
        return reply;
    });
    asio::thread_pool threads(4);
    const auto t = make(threads.get_executor(), max);

    class caller {
    public:
        explicit caller(const asio::any_io_executor& ex) : strand(asio::make_strand(ex)), timer(strand) {}

        asio::strand<asio::any_io_executor> strand;
        asio::cancellation_signal signal;
        asio::steady_timer timer;
    };

    operations all;
    constexpr std::array<const char*, 10> targets{"/",     "/",      "/", "/drop", "/",
                                                  "/slow", "/reset", "/", "/",     "/"};
    for (int i = 0; i < many; ++i) {
        const auto op = std::make_shared<operation>(at(server.port()), targets[i % 10]);
        all.push_back(op);
        if (i % 10 == 5) op->x.attempt_timeout = 5ms;
        if (i % 10 == 7) op->x.deadline = steady_clock::now() + milliseconds(i * 37 % 500);
        const auto c = std::make_shared<caller>(threads.get_executor());
        asio::co_spawn(c->strand, carry_out(t, op),
                       asio::bind_cancellation_slot(c->signal.slot(), [c](std::exception_ptr e) {
                           CHECK_FALSE(e);
                           c->timer.cancel();
                       }));
        if (i % 10 != 8) continue;
        asio::post(c->strand, [c, i] {
            c->timer.expires_after(std::chrono::microseconds(i * 37 % 500'000));
            c->timer.async_wait([c](error_code ec) {
                if (!ec) c->signal.emit(asio::cancellation_type::terminal);
            });
        });
    }
    threads.join();
    int cancelled = 0;
    int late = 0;
    for (int i = 0; i < many; ++i) {
        const operation& op = *all[static_cast<std::size_t>(i)];
        CAPTURE(i);
        REQUIRE(op.ended);
        const error_code ec = op.outcome();
        cancelled += ec == asio::error::operation_aborted;
        late += ec == errc::timed_out && i % 10 == 7;
        switch (i % 10) {
        case 3:
        case 6: CHECK(ec == condition::transient); break;
        case 5: CHECK(ec == errc::timed_out); break;
        case 7: CHECK((!ec || ec == errc::timed_out)); break;
        case 8: CHECK((!ec || ec == asio::error::operation_aborted)); break;
        default: CHECK(ec == error_code());
        }
    }
    CHECK(cancelled > 0);
    CHECK(late > 0);
    CHECK(server.most_open() <= max);
    check_at_rest(*t, max);
}

TEST_CASE("closing a transport ends an exchange at once at any point") {
    class point {
    public:
        const char* phase;
        bool tls;
        bool proxy;
        std::size_t body;
    };

    constexpr std::array<point, 6> points{{
        {"waiting for a connection to", false, false, 0},
        {"connecting to", false, false, 0},
        {"asking the proxy for a tunnel to", true, true, 0},
        {"TLS handshake with", true, false, 0},
        {"sending the request to", false, false, std::size_t{64} << 20},
        {"waiting for a response from", false, false, 0},
    }};
    for (const point& p : points)
        for (const bool from_another_thread : {false, true}) {
            CAPTURE(p.phase);
            CAPTURE(from_another_thread);
            const std::string_view phase = p.phase;
            silent_listener peer(phase == "connecting to" ? 0 : 128);
            if (phase == "connecting to") peer.fill();
            asio::io_context context;
            net::connector::settings s;
            s.connect_timeout = 1h;
            if (p.tls) s.tls = std::make_shared<net::tls_client>(tls_options());
            const azkv::proxy through("http://127.0.0.1:" + std::to_string(peer.port()));
            if (p.proxy) s.proxy = net::proxy_access::settings(through);
            const auto t = make(context.get_executor(), 1, s);
            protocol::authority to = at(peer.port());
            to.tls = p.tls;
            if (p.proxy) to.host = "service.test";
            const std::string body(p.body, 'x');
            operations all;
            const bool in_line = phase == "waiting for a connection to";
            for (int i = 0; i < (in_line ? 2 : 1); ++i) {
                all.push_back(std::make_shared<operation>(to));
                all.back()->x.body = body;
                spawn(context, t, all.back());
            }
            const net::exchange& x = all.back()->x;
            run_until(context,
                      [&] { return x.phase == phase && (!in_line || t->connections().waiting() > 0); });
            context.poll();
            REQUIRE(x.phase == phase);
            REQUIRE(t->connections().in_use() == 1);

            const auto before = steady_clock::now();
            if (from_another_thread) {
                std::thread closer([&] { t->close(); });
                wait_for(all, context);
                closer.join();
            } else {
                t->close();
                wait_for(all, context);
            }
            CHECK(steady_clock::now() - before < 10s); // instead of an hour
            for (const auto& op : all) CHECK(op->outcome() == errc::closed);
            CHECK(x.phase == phase);
            check_at_rest(*t, 0);

            const auto further = std::make_shared<operation>(to);
            spawn(context, t, further);
            wait_for({further}, context);
            CHECK(further->outcome() == errc::closed);
            check_at_rest(*t, 0);
        }
}

TEST_CASE("closing a transport closes its idle connections") {
    http_server server(ok);
    asio::io_context context;
    const auto t = make(context.get_executor(), 4);
    operations all;
    for (int i = 0; i < 20; ++i) {
        all.push_back(std::make_shared<operation>(at(server.port())));
        spawn(context, t, all.back());
    }
    wait_for(all, context);
    CHECK(t->connections().idle() == 4);
    t->close();
    check_at_rest(*t, 0);
    wait_until([&] { return server.open_connections() == 0; });
    CHECK(server.connections() == 4);
}

TEST_CASE("closing a transport while ten thousand calls wait") {
    constexpr std::size_t max = 64;
    silent_listener peer;
    asio::io_context context;
    const auto t = make(context.get_executor(), max);
    operations all;
    for (int i = 0; i < 10'000; ++i) {
        all.push_back(std::make_shared<operation>(at(peer.port())));
        spawn(context, t, all.back());
    }
    run_until(context, [&] { return t->connections().waiting() >= all.size() - max; });
    CHECK(t->connections().in_use() == max);
    const auto before = steady_clock::now();
    std::thread closer([&] { t->close(); });
    wait_for(all, context);
    closer.join();
    CHECK(steady_clock::now() - before < 10s);
    CHECK(std::ranges::all_of(all, [](const auto& op) { return op->outcome() == errc::closed; }));
    check_at_rest(*t, 0);
}

TEST_CASE("closing a transport that four threads use") {
    http_server server(ok);
    for (int round = 0; round < 10; ++round) {
        asio::thread_pool threads(4);
        const auto t = make(threads.get_executor(), 8);
        operations all;
        const std::size_t enough = server.requests() + static_cast<std::size_t>(round) * 20;
        for (int i = 0; i < 500; ++i) {
            all.push_back(std::make_shared<operation>(at(server.port())));
            asio::co_spawn(threads, carry_out(t, all.back()), [](std::exception_ptr e) { CHECK_FALSE(e); });
        }
        wait_until([&] { return server.requests() >= enough; });
        t->close();
        threads.join();
        for (const auto& op : all) CHECK((!op->outcome() || op->outcome() == errc::closed));
        check_at_rest(*t, 0);
    }
    wait_until([&] { return server.open_connections() == 0; });
    CHECK(server.most_open() <= 8);
}

TEST_CASE("the operating system probes the peer's host") {
    silent_listener peer;
    asio::io_context context;
    tcp::socket s(context);
    s.connect(tcp::endpoint(asio::ip::address_v4::loopback(), peer.port()));
    net::enable_keep_alive(s);
    asio::socket_base::keep_alive probes;
    s.get_option(probes);
    CHECK(probes.value());
#if defined(__linux__)
    const auto option = [&](int name) {
        int n = 0;
        socklen_t size = sizeof n;
        REQUIRE(::getsockopt(s.native_handle(), IPPROTO_TCP, name, &n, &size) == 0);
        return n;
    };
    CHECK(option(TCP_KEEPIDLE) + option(TCP_KEEPINTVL) * option(TCP_KEEPCNT) == 25);
#endif
}
