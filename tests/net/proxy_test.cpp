// The real transport through a real proxy on loopback. Names under `.test` and `.example` do not exist in any
// name server.

#include "support/certificates.hpp"
#include "support/connect_proxy.hpp"
#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/raw_server.hpp"
#include "support/run.hpp"
#include "support/test_secrets.hpp"

#include <azkv.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const credential key = test_credential();

std::string in_base64(const std::string& text) {
    std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
    encoded.resize(static_cast<std::size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()))));
    return encoded;
}

/// A service, and what is needed to reach it.
class fixture {
public:
    fixture()
        : ca_file(ca.pem()),
          server(ok_entity, ca.issue({"DNS:service.test", "DNS:localhost", "IP:2001:db8::1"})) {}

    std::string url(const std::string& host) const {
        return "https://" + host + ':' + std::to_string(server.port()) + "/acct";
    }

    store_options through(azkv::proxy p) const {
        return store_options().tls(tls_options().ca_file(ca_file.path())).proxy(std::move(p)).max_attempts(1);
    }

    store_options through(const connect_proxy& p) const { return through(azkv::proxy(p.url())); }

    error failure(const std::string& host, const store_options& o) {
        store db(context.get_executor(), url(host), key, o);
        return failure_of([&] { run(context, db.get("k")); });
    }

    certificate_authority ca;
    temporary_file ca_file;
    http_server server;
    asio::io_context context;
};

/// Environment variables, which the destructor restores.
class environment {
public:
    void set(const char* name, const char* text) {
        const char* const before = std::getenv(name);
        saved_.emplace_back(name, before ? before : "");
        if (text)
            ::setenv(name, text, 1);
        else
            ::unsetenv(name);
    }

    ~environment() {
        for (auto at = saved_.rbegin(); at != saved_.rend(); ++at) {
            if (at->second.empty())
                ::unsetenv(at->first.c_str());
            else
                ::setenv(at->first.c_str(), at->second.c_str(), 1);
        }
    }

private:
    std::vector<std::pair<std::string, std::string>> saved_;
};

} // namespace

TEST_CASE("HTTPS through a proxy which receives the host name and opens one tunnel") {
    fixture f;
    connect_proxy proxy;
    store db(f.context.get_executor(), f.url("service.test"), key, f.through(proxy));
    for (int i = 0; i < 5; ++i) CHECK(run(f.context, db.get("k")));
    CHECK(proxy.tunnels() == 1);
    REQUIRE(proxy.requests().size() == 1);
    CHECK(proxy.requests()[0] == "service.test:" + std::to_string(f.server.port()));
    CHECK(f.server.requests() == 5);
    CHECK(f.context.stopped());
}

TEST_CASE("a blocking store through a proxy whose name is looked up") {
    fixture f;
    connect_proxy proxy;
    const std::string url = "http://localhost:" + std::to_string(proxy.port());
    blocking_store db(f.url("service.test"), key, f.through(azkv::proxy(url)));
    CHECK(db.get("k"));
    CHECK(proxy.tunnels() == 1);
}

TEST_CASE("an IPv6 address in a URL reaches the proxy and the certificate check") {
    fixture f;
    connect_proxy proxy;
    store db(f.context.get_executor(), f.url("[2001:db8::1]"), key, f.through(proxy));
    CHECK(run(f.context, db.get("k")));
    REQUIRE(proxy.requests().size() == 1);
    CHECK(proxy.requests()[0] == "[2001:db8::1]:" + std::to_string(f.server.port()));
    CHECK(contains(f.failure("[2001:db8::2]", f.through(proxy)).what(), "IP address mismatch"));
}

TEST_CASE("a proxy cannot pass another host off as the service") {
    fixture f;
    connect_proxy proxy;
    const error e = f.failure("elsewhere.test", f.through(proxy));
    CHECK(contains(e.what(), "TLS handshake with elsewhere.test"));
    CHECK(contains(e.what(), "hostname mismatch"));
    CHECK(f.server.requests() == 0);
}

TEST_CASE("credentials for the proxy") {
    fixture f;
    proxy_rules rules;
    rules.authorization = "Basic " + in_base64("some one:" + secrets::proxy_password);
    connect_proxy proxy(rules);
    const azkv::proxy right(proxy.url("some%20one:" + secrets::proxy_password_in_url));
    store db(f.context.get_executor(), f.url("service.test"), key, f.through(right));
    CHECK(run(f.context, db.get("k")));

    const azkv::proxy wrong(proxy.url("some%20one:" + secrets::other_proxy_password));
    const error e = f.failure("service.test", f.through(wrong));
    CHECK(e.code() == errc::proxy_failed);
    CHECK(e.code() != condition::transient);
    const std::string text = e.what();
    const bool told = contains(text, secrets::other_proxy_password);
    REQUIRE_FALSE(told);
    CHECK(contains(text, "asking the proxy for a tunnel to service.test"));
    CHECK(contains(text, "HTTP 407: the proxy rejected the credentials"));
    CHECK(contains(f.failure("service.test", f.through(proxy)).what(),
                   "HTTP 407: the proxy requires credentials"));
    CHECK(proxy.tunnels() == 1);
}

TEST_CASE("a proxy that refuses") {
    fixture f;
    raw_server forbids("HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nnever");
    const azkv::proxy p("http://127.0.0.1:" + std::to_string(forbids.port()));
    const error e = f.failure("service.test", f.through(p).max_attempts(3));
    CHECK(e.code() == errc::proxy_failed);
    CHECK(contains(e.what(), "HTTP 403"));
    CHECK_FALSE(contains(e.what(), "never"));
    CHECK(e.status() == 0); // it was not the service's
    CHECK(forbids.connections() == 1);
}

TEST_CASE("a proxy that temporarily cannot reach the service is retried") {
    fixture f;
    for (const char* status : {"502", "503", "504"}) {
        raw_server failing("HTTP/1.1 " + std::string(status) + " Bad\r\nContent-Length: 0\r\n\r\n");
        const azkv::proxy p("http://127.0.0.1:" + std::to_string(failing.port()));
        const error e = f.failure("service.test", f.through(p).max_attempts(3).backoff(1ms, 1ms));
        CHECK(e.code() == errc::server_error);
        CHECK(contains(e.what(), std::string("HTTP ") + status + " from the proxy"));
        CHECK(failing.connections() == 3);
    }
}

TEST_CASE("a server that is not a proxy") {
    fixture f;
    const auto failure = [&](const std::string& answer) {
        raw_server odd(answer);
        return f.failure("service.test",
                         f.through(azkv::proxy("http://127.0.0.1:" + std::to_string(odd.port()))));
    };
    CHECK(failure("220 smtp.example ESMTP\r\n").code() == errc::proxy_failed);
    CHECK(failure("HTTP/1.1 200 OK\r\nx: " + std::string(40'000, 'x')).code() == errc::proxy_failed);
    const error early = failure("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(early.code() == errc::proxy_failed);
    CHECK(contains(early.what(), "unexpected data after the proxy's response"));
    const error closed = failure("");
    CHECK(closed.code() == condition::transient);
    CHECK(contains(closed.what(), "asking the proxy for a tunnel to service.test"));
    CHECK(failure("HTTP/1.1 200 O").code() == condition::transient);
    std::string interim;
    for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
    CHECK(failure(interim).code() == errc::proxy_failed);
    CHECK(f.server.connections() == 0);
}

TEST_CASE("a proxy's interim responses are skipped") {
    fixture f;
    proxy_rules rules;
    rules.prefix = "HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n";
    connect_proxy proxy(rules);
    store db(f.context.get_executor(), f.url("service.test"), key, f.through(proxy));
    CHECK(run(f.context, db.get("k")));

    rules.suffix = "x";
    connect_proxy talkative(rules);
    CHECK(f.failure("service.test", f.through(talkative)).code() == errc::proxy_failed);
}

TEST_CASE("a proxy that is down") {
    fixture f;
    asio::ip::tcp::acceptor gone(f.context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const std::string url = "http://127.0.0.1:" + std::to_string(gone.local_endpoint().port());
    gone.close();
    const error e = f.failure("service.test", f.through(azkv::proxy(url)));
    CHECK(e.code() == asio::error::connection_refused);
    CHECK(contains(e.what(), "connecting to the proxy for service.test"));
    const error nowhere = f.failure("service.test", f.through(azkv::proxy("http://no-such-proxy.invalid")));
    CHECK(contains(nowhere.what(), "looking up the proxy for service.test"));
}

TEST_CASE("a proxy that does not respond in time or at all") {
    fixture f;
    proxy_rules rules;
    rules.silent = true;
    connect_proxy proxy(rules);
    const error e = f.failure("service.test", f.through(proxy).connect_timeout(200ms));
    CHECK(e.code() == condition::timed_out);
    CHECK(contains(e.what(), "asking the proxy for a tunnel to"));

    store db(f.context.get_executor(), f.url("service.test"), key, f.through(proxy).connect_timeout(1h));
    const std::size_t before = proxy.requests().size();
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    asio::co_spawn(
        f.context, db.get("k"),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, auto) { failure = e; }));
    f.context.restart();
    wait_until([&] {
        f.context.poll();
        return proxy.requests().size() > before;
    });
    CHECK_FALSE(failure);
    signal.emit(asio::cancellation_type::terminal);
    f.context.run();
    CHECK(failure);
}

TEST_CASE("hosts that bypass the proxy") {
    fixture f;
    connect_proxy proxy;
    store here(f.context.get_executor(), f.url("localhost"), key, f.through(proxy));
    CHECK(run(f.context, here.get("k")));

    http_server plain(ok_entity);
    store unsafe(f.context.get_executor(), plain.endpoint(), key, f.through(proxy));
    CHECK(run(f.context, unsafe.get("k")));

    azkv::proxy p(proxy.url());
    const azkv::proxy before = p;
    p.bypass("other.example").bypass(".test");
    CHECK(contains(f.failure("service.test", f.through(p)).what(), "looking up service.test"));
    CHECK(proxy.requests().empty());
    store db(f.context.get_executor(), f.url("service.test"), key, f.through(before));
    CHECK(run(f.context, db.get("k"))); // changing the original does not change the copy
    CHECK(proxy.tunnels() == 1);
}

TEST_CASE("the environment names a proxy") {
    fixture f;
    connect_proxy first, second;
    environment e;
    for (const char* name : {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}) e.set(name, nullptr);
    const auto get = [&] {
        store db(f.context.get_executor(), f.url("service.test"), key,
                 f.through(azkv::proxy::from_environment()));
        try {
            run(f.context, db.get("k"));
        } catch (const error&) {
        }
    };
    get();
    CHECK(first.tunnels() + second.tunnels() == 0);
    e.set("HTTPS_PROXY", second.url().c_str());
    get();
    CHECK(second.tunnels() == 1);
    e.set("https_proxy", "");
    get();
    CHECK(second.tunnels() == 2);
    e.set("https_proxy", first.url().c_str());
    get();
    CHECK(first.tunnels() == 1);
    e.set("NO_PROXY", "test");
    get();
    CHECK(first.tunnels() == 1);
    e.set("no_proxy", "other.example");
    get();
    CHECK(first.tunnels() == 2);
    CHECK(second.tunnels() == 2);
    e.set("https_proxy", "ftp://x");
    CHECK(failure_of([] { azkv::proxy::from_environment(); }).code() == errc::invalid_argument);
}

TEST_CASE("without a proxy no host bypasses it") {
    azkv::proxy none;
    none.bypass("*");
    fixture f;
    store db(f.context.get_executor(), f.url("localhost"), key, f.through(none));
    CHECK(run(f.context, db.get("k")));
}
