// Hosts with several addresses, of which some refuse and some are silent.

#include "net/address_order.hpp"
#include "net/connection.hpp"
#include "net/proxy_access.hpp"
#include "support/host_names.hpp"
#include "support/http_server.hpp"
#include "support/raw_server.hpp"
#include "support/run.hpp"

#include <azkv/proxy.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

http_reply ok(const http_request&) {
    return http_reply(200, "{}");
}

/// An address on which nothing answers: a client that connects keeps waiting, since the queue is full.
class silent_address {
public:
    silent_address(const std::string& address, unsigned short port)
        : at_(asio::ip::make_address(address), port), listener_(context_) {
        listener_.open(at_.protocol());
        listener_.set_option(tcp::acceptor::reuse_address(true));
        listener_.bind(at_);
        listener_.listen(0);
        while (connects()) {
        }
    }

private:
    bool connects() {
        tcp::socket& s = queue_.emplace_back(context_);
        bool connected = false;
        s.async_connect(at_, [&](boost::system::error_code ec) { connected = !ec; });
        context_.restart();
        context_.run_for(100ms);
        return connected;
    }

    asio::io_context context_;
    const tcp::endpoint at_;
    tcp::acceptor listener_;
    std::vector<tcp::socket> queue_;
};

std::size_t descriptors() {
    using entries = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(entries("/proc/self/fd"), entries()));
}

/// Connections of one store to one host.
class client {
public:
    client(std::string host, unsigned short port, const net::connector::settings& s = {})
        : connector_(context.get_executor(), s) {
        to_.host = std::move(host);
        to_.port = std::to_string(port);
    }

    /// One exchange over a new connection.
    boost::system::error_code exchange() {
        begin();
        context.restart();
        context.run();
        REQUIRE(ended);
        return x->error;
    }

    void begin(asio::cancellation_slot slot = {}) {
        connection = connector_.make(to_);
        x.emplace(response_);
        x->to = &to_;
        x->head = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
        x->deadline = steady_clock::now() + 1h;
        ended = false;
        begun_ = steady_clock::now();
        asio::co_spawn(context, carry_out(connection),
                       asio::bind_cancellation_slot(slot, [this](std::exception_ptr) {
                           ended = true;
                           took = steady_clock::now() - begun_;
                       }));
    }

private:
    // The connection lives as long as its use, like a pooled connection.
    asio::awaitable<void> carry_out(std::shared_ptr<net::connection> c) { co_await c->run(*x, x->deadline); }

    protocol::authority to_;
    protocol::response response_;
    steady_clock::time_point begun_;

public:
    std::optional<net::exchange> x;
    bool ended = false;
    steady_clock::duration took{};
    asio::io_context context;
    std::shared_ptr<net::connection> connection;

private:
    net::connector connector_;
};

net::connector::settings within(std::chrono::milliseconds connect_timeout) {
    net::connector::settings s;
    s.connect_timeout = connect_timeout;
    return s;
}

} // namespace

TEST_CASE("a silent first address costs the first connection a quarter of a second and the next nothing") {
    for (const char* silent : {"127.0.0.2", "::1"}) {
        CAPTURE(silent);
        http_server server(ok);
        const silent_address dead(silent, server.port());
        const host_name two("two.test", {silent, "127.0.0.1"});
        client c("two.test", server.port());
        const std::size_t before = descriptors();
        CHECK_FALSE(c.exchange());
        CHECK(c.took >= 240ms);
        CHECK(c.took < 1s);
        CHECK(descriptors() == before + 2); // both ends of one connection
        CHECK_FALSE(c.exchange());
        CHECK(c.took < 240ms);
    }
}

TEST_CASE("addresses that refuse cost no time") {
    http_server server(ok);
    const host_name many("many.test",
                         {"127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "::1", "127.0.0.1"});
    client c("many.test", server.port());
    CHECK_FALSE(c.exchange());
    CHECK(c.took < 1s); // not 250 ms for each

    const host_name none("none.test", {"127.0.0.3", "::1", "127.0.0.4"});
    client refused("none.test", server.port());
    CHECK(refused.exchange() == asio::error::connection_refused);
    CHECK(std::string_view(refused.x->phase) == "connecting to");
}

TEST_CASE("when no address answers in time the next connection begins with another one") {
    http_server server(ok);
    const silent_address dead("127.0.0.2", server.port());
    const host_name two("two.test", {"127.0.0.2", "127.0.0.1"});
    client c("two.test", server.port(), within(100ms)); // too short to try both
    CHECK(c.exchange() == errc::timed_out);
    CHECK(c.took < 1s);
    CHECK_FALSE(c.exchange());
    CHECK(c.took < 240ms);

    const silent_address dead_as_well("127.0.0.3", server.port());
    const host_name none("none.test", {"127.0.0.2", "127.0.0.3"});
    client nowhere("none.test", server.port(), within(400ms));
    for (int i = 0; i < 2; ++i) {
        CHECK(nowhere.exchange() == errc::timed_out);
        CHECK(nowhere.took < 1s);
    }
}

TEST_CASE("anything that ends a connecting exchange ends all its attempts") {
    http_server server(ok);
    const silent_address dead("127.0.0.2", server.port()), as_well("127.0.0.3", server.port());
    const host_name none("none.test", {"127.0.0.2", "127.0.0.3"});
    const std::size_t before = descriptors();
    {
        client c("none.test", server.port(), within(1h));
        const std::size_t at_rest = descriptors();
        const auto wait_for_both = [&] {
            run_until(c.context, [&] { return descriptors() >= at_rest + 2; });
        };
        asio::cancellation_signal signal;
        SUBCASE("another thread") {
            c.begin();
            wait_for_both();
            std::thread([&] { c.connection->interrupt(errc::closed); }).join();
            c.context.run();
            CHECK(c.ended);
            CHECK(c.x->error == errc::closed);
        }
        SUBCASE("cancellation") {
            c.begin(signal.slot());
            wait_for_both();
            signal.emit(asio::cancellation_type::terminal);
            c.context.run();
            CHECK(c.ended);
        }
        SUBCASE("the end of the context") {
            c.begin();
            wait_for_both();
        }
        if (c.ended) CHECK(descriptors() == at_rest);
    }
    CHECK(descriptors() == before);
}

TEST_CASE("a proxy with several addresses is reached") {
    raw_server proxy_server("HTTP/1.1 403 Forbidden\r\n\r\n");
    const silent_address dead("127.0.0.2", proxy_server.port());
    const host_name two("two.test", {"127.0.0.2", "127.0.0.1"});
    net::connector::settings s;
    s.proxy = net::proxy_access::settings(proxy("http://two.test:" + std::to_string(proxy_server.port())));
    asio::io_context context;
    protocol::authority to;
    to.tls = true;
    to.host = "service.test";
    to.port = "443";
    const auto connection = net::connector(context.get_executor(), s).make(to);
    protocol::response response;
    net::exchange x(response);
    x.to = &to;
    run(context, connection->run(x, steady_clock::now() + 5s));
    CHECK(x.error == errc::proxy_failed);
}

TEST_CASE("localhost and its subdomains are this machine and are never looked up") {
    http_server server(ok);
    for (const char* name : {"localhost", "LOCALHOST", "localhost.", "acct.localhost", "a.b.localhost."}) {
        CAPTURE(name);
        const host_name elsewhere(name, {"127.0.0.3"});
        client c(name, server.port());
        CHECK_FALSE(c.exchange());
        CHECK(elsewhere.begun() == 0);
    }
}

TEST_CASE("address order: families alternate and the one that answered comes first for some minutes") {
    const auto sorted = [](const net::address_order& o, const std::string& host,
                           std::vector<std::string> texts, steady_clock::time_point now) {
        net::address_order::addresses a;
        for (const auto& t : texts) a.push_back(asio::ip::make_address(t));
        o.sort(host, a, now);
        return a;
    };
    const auto text_of = [](const net::address_order::addresses& a) {
        std::string text;
        for (const auto& x : a) text += (text.empty() ? "" : " ") + x.to_string();
        return text;
    };
    net::address_order o;
    const steady_clock::time_point now{};
    const std::vector<std::string> all{"::1", "::2", "::3", "10.0.0.1", "10.0.0.2"};
    CHECK(text_of(sorted(o, "h", {"10.0.0.1"}, now)) == "10.0.0.1");
    CHECK(text_of(sorted(o, "h", {"10.0.0.2", "10.0.0.1"}, now)) == "10.0.0.2 10.0.0.1");
    const auto usual = sorted(o, "h", all, now);
    CHECK(text_of(usual) == "::1 10.0.0.1 ::2 10.0.0.2 ::3");

    o.record_response("h", usual, usual[0], now); // which needs no record
    CHECK(sorted(o, "h", all, now) == usual);
    o.record_response("h", usual, usual[3], now);
    CHECK(text_of(sorted(o, "h", all, now + 9min)) == "10.0.0.2 ::1 10.0.0.1 ::2 ::3");
    CHECK(sorted(o, "h", all, now + 10min) == usual);
    CHECK(sorted(o, "other", all, now) == usual);
    CHECK(text_of(sorted(o, "h", {"::4", "10.0.0.4"}, now)) == "::4 10.0.0.4"); // it has moved

    o.record_silence("h", usual, 2, now);
    CHECK(sorted(o, "h", all, now)[0] == usual[2]);
    o.record_silence("h", usual, 5, now);
    CHECK(sorted(o, "h", all, now)[0] == usual[1]);
    o.record_silence("single", sorted(o, "single", {"::1"}, now), 1, now);
    CHECK(text_of(sorted(o, "single", {"::1"}, now)) == "::1");
}
