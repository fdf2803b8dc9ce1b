#include "protocol/endpoint.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::protocol;

TEST_CASE("endpoints of all styles") {
    const endpoint host = parse_endpoint("https://acct.table.core.windows.net");
    CHECK(host.at.tls);
    CHECK(host.at.host == "acct.table.core.windows.net");
    CHECK(host.at.port == "443");
    CHECK(host.host_header == "acct.table.core.windows.net");
    CHECK(host.base_path == "");
    CHECK(deduce_mode(host) == service_mode::storage);

    const endpoint cosmos = parse_endpoint("HTTPS://Acct.Table.Cosmos.Azure.com:443/");
    CHECK(cosmos.at == parse_endpoint("https://acct.table.cosmos.azure.com").at);
    CHECK(cosmos.base_path == "");
    CHECK(deduce_mode(cosmos) == service_mode::cosmos);
    CHECK(deduce_mode(parse_endpoint("https://a.table.cosmosdb.azure.com")) == service_mode::cosmos);

    const endpoint path = parse_endpoint("http://127.0.0.1:10002/devstoreaccount1/");
    CHECK_FALSE(path.at.tls);
    CHECK(path.at.port == "10002");
    CHECK(path.host_header == "127.0.0.1:10002");
    CHECK(path.base_path == "/devstoreaccount1");
    CHECK(path.url() == "http://127.0.0.1:10002/devstoreaccount1");

    const endpoint v6 = parse_endpoint("http://[::1]:8080/a");
    CHECK(v6.at.host == "::1");
    CHECK(v6.host_header == "[::1]:8080");
    CHECK(parse_endpoint("http://host").at.port == "80");
}

TEST_CASE("the secondary is derived from the primary") {
    const auto of = [](const char* url) { return secondary_of(parse_endpoint(url)); };
    const endpoint host = of("https://Acct.table.core.windows.net");
    CHECK(host.at.host == "acct-secondary.table.core.windows.net");
    CHECK(host.host_header == "Acct-secondary.table.core.windows.net");
    CHECK(host.url() == "https://Acct-secondary.table.core.windows.net");
    CHECK(of("http://127.0.0.1:10002/devstoreaccount1").url()
          == "http://127.0.0.1:10002/devstoreaccount1-secondary");
    CHECK(of("http://proxy:1/acct/tables").url() == "http://proxy:1/acct-secondary/tables");
    CHECK(of("http://acct.localhost:10002").url() == "http://acct-secondary.localhost:10002");
    for (const char* url : {"http://127.0.0.1:8902", "http://[::1]:8902", "http://localhost:8902"})
        CHECK(test::failure_of([&] { of(url); }).code() == errc::invalid_argument);
}

TEST_CASE("an invalid endpoint is rejected and not repeated") {
    for (const char* text : {"", "acct", "ftp://host/", "https://", "https://host/?sv=1&sig=secret",
                             "https://u:p@host/", "https://host/a#b", "https://ho st/",
                             "https://host:99999999/", "https://host:65536/", "https://host:99999/a",
                             "https://host:0/", "http://evil.example%00.localhost/a", "https://a%2eb/"}) {
        CAPTURE(text);
        const error e = test::failure_of([&] { parse_endpoint(text); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK_FALSE(test::contains(e.what(), "secret"));
    }
}

TEST_CASE("a name that begins like an address is not parsed as one") {
    bool loopback = false;
    try {
        loopback = is_loopback(parse_endpoint("http://127.0.0.1.example.com/a"));
    } catch (const error& e) {
        CHECK(e.code() == errc::invalid_argument); // older versions of Boost report this
    }
    CHECK_FALSE(loopback);
}

TEST_CASE("the path identifies the service at an address of this machine") {
    for (const char* url :
         {"http://localhost:8902/", "http://localhost.:8902/", "https://127.0.0.1:8902", "http://[::1]:8902"})
        CHECK_MESSAGE(deduce_mode(parse_endpoint(url)) == service_mode::cosmos, std::string(url));
    for (const char* url : {"http://localhost:10002/devstoreaccount1", "http://acct.localhost:10002/",
                            "http://acct.localhost.:10002/", "http://10.0.0.1/"})
        CHECK_MESSAGE(deduce_mode(parse_endpoint(url)) == service_mode::storage, std::string(url));
}

TEST_CASE("loopback") {
    for (const char* url : {"http://127.0.0.1:1/a", "http://127.9.9.9/", "http://localhost:8902",
                            "http://[::1]/", "http://acct.table.localhost/", "http://localhost./",
                            "http://acct.localhost./", "http://LocalHost/"})
        CHECK(is_loopback(parse_endpoint(url)));
    for (const char* url : {"http://10.0.0.1/", "http://localhost.example.com/", "http://notlocalhost/",
                            "http://a-localhost./", "http://acct.table.core.windows.net"})
        CHECK_MESSAGE(!is_loopback(parse_endpoint(url)), std::string(url));
}
