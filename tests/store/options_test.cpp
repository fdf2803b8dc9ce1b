#include "support/run.hpp"
#include "support/test_account.hpp"

#include <azkv.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>

using namespace azkv;
using namespace std::chrono_literals;
using test::contains;
using test::failure_of;

// The public interface must not contain what g++ 12 miscompiles in await expressions.
static_assert(!std::is_aggregate_v<store_options>);
static_assert(!std::is_aggregate_v<projection>);
static_assert(!std::is_aggregate_v<entry>);
static_assert(!std::is_aggregate_v<diagnostics>);
static_assert(!std::is_aggregate_v<credential>);
static_assert(!std::is_aggregate_v<error>);
static_assert(!std::is_aggregate_v<put_all_error>);
static_assert(!std::is_aggregate_v<event>);

TEST_CASE("options are checked when they are set") {
    const auto refused = [](auto set) {
        const error e = failure_of([&] {
            store_options o;
            set(o);
        });
        CHECK(e.code() == errc::invalid_argument);
        return std::string(e.what());
    };
    CHECK(contains(refused([](store_options& o) { o.timeout(0ms); }), "timeout"));
    CHECK(contains(refused([](store_options& o) { o.attempt_timeout(-1ms); }), "attempt_timeout"));
    CHECK(contains(refused([](store_options& o) { o.connect_timeout(std::chrono::hours(24 * 366)); }),
                   "connect_timeout"));
    CHECK(contains(refused([](store_options& o) { o.max_attempts(0); }), "max_attempts"));
    CHECK(contains(refused([](store_options& o) { o.backoff(2ms, 1ms); }), "backoff"));
    CHECK(contains(refused([](store_options& o) { o.max_connections(0); }), "max_connections"));
    CHECK(contains(refused([](store_options& o) { o.max_connections(static_cast<std::size_t>(-1)); }),
                   "max_connections"));
    CHECK(contains(refused([](store_options& o) { o.max_waiting(static_cast<std::size_t>(-1)); }),
                   "max_waiting"));
    CHECK(contains(refused([](store_options& o) { o.idle_timeout(-1ms); }), "idle_timeout"));
    CHECK(contains(refused([](store_options& o) { o.max_response_size(1000); }), "max_response_size"));
    CHECK(contains(refused([](store_options& o) { o.retry_budget(-0.1); }), "retry_budget"));
    CHECK(contains(refused([](store_options& o) { o.retry_budget(std::nan("")); }), "retry_budget"));
    CHECK(contains(refused([](store_options& o) { o.max_transactions(0); }), "max_transactions"));
    CHECK(contains(refused([](store_options& o) { o.max_transactions(1'001); }), "max_transactions"));
}

TEST_CASE("options keep what was set and the other defaults") {
    const store_options o = store_options()
                                .timeout(3s)
                                .partition("p")
                                .mode(service_mode::cosmos)
                                .idle_timeout(0ms)
                                .allow_plain_http(true);
    CHECK(o.timeout() == 3s);
    CHECK(o.attempt_timeout() == 40s);
    CHECK(o.connect_timeout() == 5s);
    CHECK(o.partition() == "p");
    CHECK(o.mode() == service_mode::cosmos);
    CHECK(o.idle_timeout() == 0s);
    CHECK(o.allow_plain_http());
    CHECK(o.max_attempts() == 4);
    CHECK(store_options().partition() == "default");
    CHECK_FALSE(store_options().mode());
}

TEST_CASE("a store that could not work is not constructed") {
    boost::asio::io_context context;
    const auto ex = context.get_executor();
    const std::string key = test::test_key;
    const auto code = [&](const std::string& url, store_options o = {}) {
        return failure_of([&] { store(ex, url, test::test_credential(), o); }).code();
    };
    CHECK(code("http://acct.table.core.windows.net") == errc::insecure_transport);
    CHECK(code("nonsense") == errc::invalid_argument);
    CHECK(code("http://127.0.0.1/a", store_options().partition("\xFF")) == errc::invalid_argument);
    CHECK(code("http://127.0.0.1/a", store_options().partition(std::string(513, 'p'))) == errc::too_large);
    CHECK(code("https://h", store_options().tls(tls_options().ca_file("/nowhere/ca.pem")))
          == errc::invalid_argument);
    CHECK_NOTHROW(
        store(ex, "http://10.0.0.1/a", test::test_credential(), store_options().allow_plain_http(true)));
    CHECK(failure_of([&] { store::from_account_and_key(ex, "acct", "not base64"); }).code()
          == errc::invalid_argument);
    // These would name another host.
    for (const char* name : {"a/b", "evil.example/", "a@b", "a:1", "a?b", ""}) {
        CAPTURE(name);
        CHECK(failure_of([&] { store::from_account_and_key(ex, name, key); }).code()
              == errc::invalid_argument);
        const std::string text = "AccountKey=" + key + ";AccountName=" + name;
        CHECK(failure_of([&] { blocking_store::from_connection_string(text); }).code()
              == errc::invalid_connection_string);
    }
    CHECK(failure_of([&] { blocking_store::from_connection_string("x"); }).code()
          == errc::invalid_connection_string);
    for (const char* text : {"AccountName=acct;AccountKey=no*base64",
                             "AccountName=a:b;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1/a",
                             "TableEndpoint=http://127.0.0.1/a;SharedAccessSignature=sv=1&se=2"}) {
        CAPTURE(text);
        const error e = failure_of([&] { blocking_store::from_connection_string(text); });
        CHECK(e.code() == errc::invalid_connection_string);
        CHECK(contains(e.what(), "connection string"));
        CHECK_FALSE(contains(e.what(), "no*base64"));
    }
    const store s = store::from_account_and_key(ex, "acct", key);
    CHECK(s.get_executor() == asio::any_io_executor(ex));
}
