#include "protocol/proxy.hpp"
#include "support/run.hpp"
#include "support/test_secrets.hpp"

#include <azkv/error.hpp>

#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;
using protocol::authority;
using protocol::proxy_settings;

namespace {

authority https(const std::string& host, const std::string& port = "443") {
    authority a;
    a.tls = true;
    a.host = host;
    a.port = port;
    return a;
}

bool bypassed(const std::string& rules, const std::string& host, const std::string& port = "443") {
    proxy_settings p("http://proxy.example");
    p.bypass(rules);
    return !p.applies_to(https(host, port));
}

} // namespace

TEST_CASE("the URL of a proxy") {
    const proxy_settings plain("http://Proxy.Example:3128");
    CHECK(plain.at().host == "proxy.example");
    CHECK(plain.at().port == "3128");
    CHECK_FALSE(plain.at().tls);
    CHECK(proxy_settings("http://proxy.example/").at().port == "80");
    CHECK(proxy_settings("proxy.example:3128").at().host == "proxy.example");
    CHECK(proxy_settings("proxy.example:3128").at().port == "3128");
    CHECK(proxy_settings("http://[2001:db8::1]:3128").at().host == "2001:db8::1");
    for (const char* bad :
         {"https://proxy.example", "socks5://proxy.example", "http://", "http:// x", "",
          "http://proxy.example/path", "http://proxy.example?q", "http://proxy.example#f",
          "http://proxy.example:0", "http://proxy.example:65536", "http://a%3Ab:c@proxy.example"}) {
        CAPTURE(bad);
        const error e = failure_of([&] { proxy_settings{secret(bad)}; });
        CHECK(e.code() == errc::invalid_argument);
        CHECK_FALSE(contains(e.what(), "proxy.example"));
    }
    CHECK(contains(failure_of([] { proxy_settings("https://proxy.example"); }).what(), "http://"));
    const std::string with_password = "ftp://u:" + secrets::other_proxy_password + "@h";
    const error e = failure_of([&] { proxy_settings{secret(with_password)}; });
    const bool told = contains(e.what(), secrets::other_proxy_password);
    CHECK_FALSE(told);
}

TEST_CASE("the request for a tunnel") {
    const auto request = [](const char* url, const authority& to) {
        return std::string(proxy_settings(url).connect_request(to).reveal());
    };
    const std::string plain = request("http://proxy.example", https("acct.example"));
    CHECK(plain.starts_with("CONNECT acct.example:443 HTTP/1.1\r\nHost: acct.example:443\r\n"));
    CHECK(plain.ends_with("\r\n\r\n"));
    CHECK_FALSE(contains(plain, "Authorization"));
    CHECK(request("http://p", https("2001:db8::1", "8443"))
              .starts_with("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n"));
    CHECK(request("http://p", https("a b\r\nX: y")).starts_with("CONNECT a%20b%0D%0AX%3A%20y:443 HTTP"));
    CHECK(contains(request("http://Aladdin:open%20sesame@p", https("h")),
                   "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    CHECK(contains(request("http://user@p", https("h")), "\r\nProxy-Authorization: Basic dXNlcjo=\r\n"));
    CHECK(contains(request("http://u:a%3Ab@p", https("h")), "\r\nProxy-Authorization: Basic dTphOmI=\r\n"));
}

TEST_CASE("hosts that bypass a proxy") {
    const proxy_settings p("http://proxy.example");
    CHECK(p.applies_to(https("acct.table.core.windows.net")));
    CHECK(p.applies_to(https("10.0.0.1")));
    authority plain = https("acct.table.core.windows.net", "80");
    plain.tls = false;
    CHECK_FALSE(p.applies_to(plain));
    for (const char* host : {"localhost", "LOCALHOST", "localhost.", "acct.localhost", "127.0.0.1",
                             "127.1.2.3", "::1", "::ffff:127.0.0.1"}) {
        CAPTURE(host);
        CHECK_FALSE(p.applies_to(https(host)));
    }
}

TEST_CASE("names that bypass a proxy with all their subdomains") {
    for (const char* rule :
         {"internal.example", ".internal.example", "*.internal.example", "INTERNAL.example",
          "internal.example.", "other.example, internal.example", "other.example internal.example"}) {
        CAPTURE(rule);
        CHECK(bypassed(rule, "internal.example"));
        CHECK(bypassed(rule, "a.b.Internal.Example"));
        CHECK(bypassed(rule, "internal.example.", "8443"));
        CHECK_FALSE(bypassed(rule, "notinternal.example"));
        CHECK_FALSE(bypassed(rule, "internal.example.org"));
        CHECK_FALSE(bypassed(rule, "example"));
    }
    CHECK(bypassed("*", "anything.example"));
    CHECK(bypassed("a.example,*", "2001:db8::1"));
    CHECK(bypassed("h.example:8443", "a.h.example", "8443"));
    CHECK_FALSE(bypassed("h.example:8443", "h.example"));
    CHECK(bypassed("*:8443", "h.example", "8443"));
    CHECK_FALSE(bypassed("*:8443", "h.example"));
    for (const char* rule :
         {"", ",", " , ", ".", ":", ":443", "[", "[]", "/", "/8", "h.example/8", "10.0.0.0/", "10.0.0.0/33",
          "10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129", "*.", "**"}) {
        CAPTURE(rule);
        CHECK_FALSE(bypassed(rule, "h.example"));
        CHECK_FALSE(bypassed(rule, "10.0.0.1"));
    }
    proxy_settings twice("http://p");
    twice.bypass("a.example");
    twice.bypass("b.example");
    CHECK_FALSE(twice.applies_to(https("a.example")));
    CHECK_FALSE(twice.applies_to(https("b.example")));
}

TEST_CASE("addresses that bypass a proxy") {
    CHECK(bypassed("10.1.2.3", "10.1.2.3"));
    CHECK_FALSE(bypassed("10.1.2.3", "10.1.2.30"));
    CHECK_FALSE(bypassed("10.1.2.3", "a.10.1.2.3.example"));
    CHECK(bypassed("10.1.2.3:8443", "10.1.2.3", "8443"));
    CHECK_FALSE(bypassed("10.1.2.3:8443", "10.1.2.3"));
    CHECK(bypassed("10.0.0.0/8", "10.200.3.4"));
    CHECK_FALSE(bypassed("10.0.0.0/8", "11.0.0.1"));
    CHECK(bypassed("192.168.128.0/17", "192.168.255.1"));
    CHECK_FALSE(bypassed("192.168.128.0/17", "192.168.127.1"));
    CHECK(bypassed("10.9.9.9/8", "10.1.1.1")); // the bits after the prefix do not count
    CHECK(bypassed("0.0.0.0/0", "8.8.8.8"));
    CHECK_FALSE(bypassed("0.0.0.0/0", "h.example"));
    CHECK_FALSE(bypassed("0.0.0.0/0", "2001:db8::1"));
    CHECK(bypassed("10.1.2.3/32", "10.1.2.3"));
    CHECK(bypassed("2001:db8::1", "2001:0db8:0:0::1"));
    CHECK(bypassed("[2001:db8::1]", "2001:db8::1"));
    CHECK(bypassed("[2001:db8::1]:8443", "2001:db8::1", "8443"));
    CHECK_FALSE(bypassed("[2001:db8::1]:8443", "2001:db8::1"));
    CHECK(bypassed("fd00::/8", "fd12::5"));
    CHECK_FALSE(bypassed("fd00::/8", "fe80::5"));
    CHECK(bypassed("10.0.0.0/8", "::ffff:10.1.2.3"));
}

TEST_CASE("a proxy's responses") {
    const proxy_settings p("http://p");
    const auto judge = [&](unsigned status) {
        std::string detail;
        const auto ec = p.tunnel_error(status, detail);
        return std::pair(ec, detail);
    };
    CHECK_FALSE(judge(200).first);
    CHECK_FALSE(judge(204).first);
    CHECK(judge(403).first == errc::proxy_failed);
    CHECK(judge(403).second == "HTTP 403: the proxy forbids the tunnel");
    CHECK(judge(407).second == "HTTP 407: the proxy requires credentials");
    CHECK(judge(302).first == errc::proxy_failed);
    CHECK(judge(302).second == "HTTP 302");
    for (unsigned status : {502u, 503u, 504u}) {
        CHECK(judge(status).first == errc::server_error);
        CHECK(judge(status).first == condition::transient);
        CHECK(contains(judge(status).second, "proxy"));
    }
    std::string detail;
    CHECK(proxy_settings("http://u@p").tunnel_error(407, detail) == errc::proxy_failed);
    CHECK(detail == "HTTP 407: the proxy rejected the credentials");
    CHECK(judge(407).first != condition::transient);
}
