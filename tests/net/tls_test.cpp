#include "support/certificates.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"

#include <azkv.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const credential key = credential::shared_key("acct", "c2VjcmV0LXNlY3JldA==");

http_reply ok(const http_request&) {
    return http_reply(200, R"({"PartitionKey":"default","RowKey":"k","i":1})");
}

std::string address(const http_server& server, const std::string& host) {
    return "https://" + host + ':' + std::to_string(server.port()) + "/acct";
}

store_options trusting(const std::string& ca) {
    return store_options().ca_file(ca).max_attempts(1);
}

} // namespace

TEST_CASE("HTTPS to a trusted server, over one connection") {
    const certificate c = self_signed("localhost");
    const temporary_file ca(c.chain);
    http_server server(ok, c);
    asio::io_context context;
    store db(context.get_executor(), address(server, "localhost"), key, trusting(ca.path()));
    for (int i = 0; i < 10; ++i) {
        const auto v = run(context, db.get("k"));
        REQUIRE(v);
        CHECK(v->at("i") == 1);
    }
    CHECK(server.connections() == 1);
    CHECK(context.stopped());
}

TEST_CASE("HTTPS to an address in the certificate") {
    const certificate c = self_signed("127.0.0.1");
    const temporary_file ca(c.chain);
    http_server server(ok, c);
    asio::io_context context;
    store db(context.get_executor(), address(server, "127.0.0.1"), key, trusting(ca.path()));
    CHECK(run(context, db.get("k")));
}

TEST_CASE("a server that cannot prove who it is gets no request") {
    const certificate c = self_signed("elsewhere.example");
    const temporary_file ca(c.chain);
    http_server server(ok, c);
    asio::io_context context;
    const auto refused = [&](const std::string& host, const store_options& o) {
        store db(context.get_executor(), address(server, host), key, o);
        const error e = failure_of([&] { run(context, db.get("k")); });
        CHECK(contains(e.what(), "agreeing on TLS with"));
        CHECK(e.code() != condition::transient);
        return std::string(e.what());
    };
    refused("localhost", trusting(ca.path())); // the wrong name
    refused("127.0.0.1", trusting(ca.path()));
    CHECK(contains(refused("localhost", store_options()), "self-signed")); // not an authority of the system
    CHECK(server.requests() == 0);
}

TEST_CASE("plain HTTP behind https, and https behind plain HTTP") {
    http_server plain(ok);
    asio::io_context context;
    store db(context.get_executor(), address(plain, "localhost"), key, store_options().max_attempts(1));
    CHECK(contains(failure_of([&] { run(context, db.get("k")); }).what(), "TLS"));
    CHECK(plain.requests() == 0);

    http_server secure(ok, self_signed("localhost"));
    store other(context.get_executor(), "http://localhost:" + std::to_string(secure.port()) + "/acct", key,
                store_options().max_attempts(1));
    CHECK_THROWS_AS(run(context, other.get("k")), error);
    CHECK(secure.requests() == 0);
}

TEST_CASE("a TLS connection that was closed meanwhile is replaced quietly") {
    const certificate c = self_signed("localhost");
    const temporary_file ca(c.chain);
    http_server server(
        [](const http_request& r) {
            http_reply reply = ok(r);
            reply.close = true;
            return reply;
        },
        c);
    asio::io_context context;
    store db(context.get_executor(), address(server, "localhost"), key, trusting(ca.path()));
    for (int i = 0; i < 5; ++i) CHECK(run(context, db.get("k")));
    CHECK(server.connections() == 5);
    CHECK(server.requests() == 5);
}

TEST_CASE("the time for the handshake is limited") {
    asio::io_context context;
    asio::ip::tcp::acceptor silent(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    store db(context.get_executor(),
             "https://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/a", key,
             store_options().connect_timeout(20ms).max_attempts(1));
    const error e = failure_of([&] { run(context, db.get("k")); });
    CHECK(e.code() == condition::timed_out);
    CHECK(contains(e.what(), "agreeing on TLS with"));
}
