#include "net/session_cache.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <string>
#include <thread>
#include <vector>

using azkv::net::session_cache;

namespace {

session_cache::session make(int version, unsigned char id, long timeout = 100) {
    session_cache::session s(SSL_SESSION_new());
    SSL_SESSION_set_protocol_version(s.get(), version);
    SSL_SESSION_set_timeout(s.get(), timeout);
    SSL_SESSION_set1_id(s.get(), &id, 1);
    return s;
}

void put(session_cache& cache, const std::string& host, int version, unsigned char id, long timeout = 100) {
    cache.put(host, make(version, id, timeout).get());
}

// The id of the cached session, or -1.
int take(session_cache& cache, const std::string& host) {
    const session_cache::session s = cache.take(host);
    if (!s) return -1;
    unsigned int size = 0;
    return *SSL_SESSION_get_id(s.get(), &size);
}

} // namespace

TEST_CASE("TLS 1.3 sessions are taken out newest first and TLS 1.2 sessions stay") {
    session_cache cache;
    CHECK(take(cache, "h") == -1);
    put(cache, "h", TLS1_3_VERSION, 1);
    put(cache, "h", TLS1_3_VERSION, 2);
    put(cache, "other", TLS1_2_VERSION, 3);
    CHECK(take(cache, "h") == 2);
    CHECK(take(cache, "h") == 1);
    CHECK(take(cache, "h") == -1);
    CHECK(take(cache, "other") == 3);
    CHECK(take(cache, "other") == 3);
    cache.forget("other");
    CHECK(take(cache, "other") == -1);
}

TEST_CASE("a session in use may be invalidated without harm to the cached ones") {
    session_cache cache;
    const session_cache::session s = make(TLS1_2_VERSION, 1);
    cache.put("h", s.get());
    const session_cache::session first = cache.take("h");
    const session_cache::session second = cache.take("h");
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first.get() != s.get());
    CHECK(first.get() != second.get());
}

TEST_CASE("expired sessions are not returned") {
    session_cache cache;
    put(cache, "h", TLS1_2_VERSION, 1, 0);
    CHECK(take(cache, "h") == -1);
}

TEST_CASE("the number of hosts and of sessions per host is limited") {
    session_cache cache;
    for (unsigned char i = 1; i <= session_cache::max_sessions + 2; ++i) put(cache, "h", TLS1_3_VERSION, i);
    for (int i = session_cache::max_sessions + 2; i > 2; --i) CHECK(take(cache, "h") == i);
    CHECK(take(cache, "h") == -1);

    for (std::size_t i = 0; i < session_cache::max_hosts; ++i)
        put(cache, "host " + std::to_string(i), TLS1_2_VERSION, 1);
    CHECK(take(cache, "host 0") == 1); // now the most recently used
    put(cache, "one more", TLS1_2_VERSION, 1);
    CHECK(take(cache, "host 0") == 1);
    CHECK(take(cache, "one more") == 1);
    CHECK(take(cache, "host 1") == -1);
    CHECK(take(cache, "host 2") == 1);
}

TEST_CASE("many threads share a cache") {
    session_cache cache;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&cache, t] {
            const std::string host = t % 2 ? "a" : "b";
            for (int i = 0; i < 200; ++i) {
                put(cache, host, i % 2 ? TLS1_3_VERSION : TLS1_2_VERSION, 7);
                cache.take(host);
                if (i % 50 == 0) cache.forget(host);
            }
        });
    for (std::thread& t : threads) t.join();
    put(cache, "a", TLS1_2_VERSION, 9);
    CHECK(take(cache, "a") == 9);
}
