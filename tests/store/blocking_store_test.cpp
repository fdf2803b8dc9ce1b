#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/test_account.hpp"

#include <azkv.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <ranges>
#include <thread>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

static_assert(std::ranges::input_range<blocking_query>);
static_assert(std::input_iterator<blocking_query::iterator>);
static_assert(!std::is_copy_constructible_v<blocking_query>);

namespace {

const credential key = test_credential();

std::string row(int i, std::string key = {}) {
    const std::string n = std::to_string(i);
    if (key.empty()) key = "k" + n;
    return R"({"PartitionKey":"default","RowKey":")" + key + R"(","i":)" + n + "}";
}

// Three pages of two rows, the second of which is empty.
http_reply service(const http_request& r) {
    if (r.method == "PUT") return http_reply(204);
    if (!contains(r.target, "()")) return http_reply(200, row(1, row_key(r)));
    http_reply reply(200, "{\"value\":[" + row(0) + ',' + row(1) + "]}");
    if (contains(r.target, "NextRowKey=2")) {
        reply.body = "{\"value\":[" + row(2) + ',' + row(3) + "]}";
    } else if (contains(r.target, "NextRowKey=1")) {
        reply.body = "{\"value\":[]}";
        reply.headers.emplace_back("x-ms-continuation-NextRowKey", "2");
    } else {
        reply.headers.emplace_back("x-ms-continuation-NextRowKey", "1");
    }
    return reply;
}

} // namespace

TEST_CASE("a blocking query is a range fetched page by page") {
    http_server server(service);
    blocking_store db(server.endpoint(), key);
    auto rows = db.query("");
    CHECK(server.requests() == 0);
    int n = 0;
    for (auto& e : rows) {
        CHECK(e.key() == "k" + std::to_string(n));
        CHECK(server.requests() == (n < 2 ? 1 : 3));
        ++n;
    }
    CHECK(n == 4);

    int even = 0;
    for (const entry& e : db.query("") | std::views::filter([](const entry& r) {
                              return r.value().at("i").as_int64() % 2 == 0;
                          })) {
        CHECK(e.value().at("i").as_int64() % 2 == 0);
        ++even;
    }
    CHECK(even == 2);
    CHECK(server.connections() == 1);
}

TEST_CASE("a query that is left early returns its connection") {
    http_server server(service);
    blocking_store db(server.endpoint(), key);
    for (int i = 0; i < 3; ++i)
        for (const auto& e : db.query("")) {
            CHECK(e.key() == "k0");
            break;
        }
    CHECK(server.connections() == 1);
    CHECK(server.requests() == 3);
}

TEST_CASE("other calls inside the loop and a range that outlives its store") {
    http_server server(service);
    std::optional<blocking_query> rows;
    {
        blocking_store db(server.endpoint(), key);
        for (auto& e : db.query("")) {
            db.put(e.key(), e.value());
            CHECK(db.get(e.key()));
        }
        CHECK(server.connections() == 2);
        rows.emplace(db.query(""));
    }
    int n = 0;
    for (const auto& e : *rows) n += !e.key().empty();
    CHECK(n == 4);
}

TEST_CASE("many threads on one object") {
    http_server server(service);
    blocking_store db(server.endpoint(), key);
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                done += db.get("k").has_value();
                for (const auto& e : db.query("")) done += e.key() == "k3";
            }
        });
    for (auto& t : threads) t.join();
    CHECK(done == 6 * 100);
    CHECK(server.connections() <= 6);
}

TEST_CASE("a blocking call inside a coroutine of another context") {
    http_server server(service);
    blocking_store db(server.endpoint(), key);
    asio::io_context context;
    const auto body = [&]() -> asio::awaitable<int> {
        int n = 0;
        for (const auto& e : db.query("")) n += db.get(e.key()).has_value();
        co_return n;
    };
    CHECK(run(context, body()) == 4);
}

TEST_CASE("failures are thrown unchanged and the object stays usable") {
    std::atomic<bool> broken{true};
    http_server server([&](const http_request& r) {
        return broken ? http_reply(400, error_body("InvalidInput")) : service(r);
    });
    blocking_store db(server.endpoint(), key);
    CHECK(failure_of([&] { return db.get("k"); }).code() == errc::rejected);
    auto rows = db.query("");
    CHECK(failure_of([&] { rows.begin(); }).code() == errc::rejected);
    CHECK(failure_of([&] { rows.begin(); }).code() == errc::rejected); // a failure is not taken for the end
    broken = false;
    CHECK(db.get("k"));
    CHECK(server.connections() <= 2);
}

TEST_CASE("a call returns at its deadline") {
    http_server server([](const http_request&) {
        http_reply r(204);
        r.delay = 1h;
        return r;
    });
    blocking_store db(server.endpoint(), key, store_options().timeout(20ms));
    CHECK(failure_of([&] { db.put("k", {}); }).code() == condition::timed_out);
}
