// A query after a page that failed: the next call requests it again.

#include "support/http_server.hpp"
#include "support/scripted_store.hpp"
#include "support/test_account.hpp"

#include <azkv/blocking_store.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;

namespace {

protocol::response page(int n, bool last = false) {
    protocol::response r;
    r.status = 200;
    r.body = R"({"value":[{"PartitionKey":"default","RowKey":")" + std::to_string(n) + "\"}]}";
    if (!last) r.next_partition_key = r.next_row_key = std::to_string(n);
    return r;
}

std::string first_line(const std::string& request) {
    return request.substr(0, request.find("\r\n"));
}

asio::awaitable<void> wait(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

class outcome {
public:
    std::vector<std::string> keys;
    int timeouts = 0;
};

asio::awaitable<outcome> in_a_loop(async_generator<entry> rows) {
    outcome all;
    for (;;) {
        auto got = co_await (rows.next() || wait(30ms));
        if (got.index() == 1) {
            ++all.timeouts;
            continue;
        }
        const std::optional<entry>& row = std::get<0>(got);
        if (!row) break;
        all.keys.push_back(row->key());
    }
    co_return all;
}

asio::awaitable<std::exception_ptr> beside_a_timer(async_generator<entry> rows) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1h);
    auto both = asio::experimental::make_parallel_group(asio::co_spawn(executor, rows.next(), asio::deferred),
                                                        timer.async_wait(asio::deferred));
    auto [order, failure, row, ec] =
        co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    co_return failure;
}

/// Three pages of a row each; some of the requests are answered after an hour.
class paging_server {
public:
    explicit paging_server(std::function<bool(std::size_t)> is_slow)
        : server([this, is_slow](const http_request& r) {
              const std::string_view from = "NextRowKey=";
              const auto at = r.target.find(from);
              const int n = at == r.target.npos ? 1 : std::stoi(r.target.substr(at + from.size())) + 1;
              const protocol::response p = page(n, n == 3);
              http_reply reply(200, p.body);
              if (n < 3) {
                  reply.headers.emplace_back("x-ms-continuation-NextPartitionKey", "p");
                  reply.headers.emplace_back("x-ms-continuation-NextRowKey", std::to_string(n));
              }
              if (is_slow(++asked)) reply.delay = 1h;
              return reply;
          }) {}

    std::size_t asked = 0; // by the server's thread
    http_server server;
};

const credential key = test_credential();

} // namespace

TEST_CASE("after a failure the same page is requested again and no row is lost or repeated") {
    using failing = std::function<void(scripted_transport&)>;
    const std::vector<failing> failures{
        [](scripted_transport& net) { net.answer(403, error_body("AuthorizationFailure")); },
        [](scripted_transport& net) { net.answer(404, "<html>"); },
        [](scripted_transport& net) { net.answer(200, "<html>"); },
        [](scripted_transport& net) { net.answer(200, R"({"value":[{"n":1}]})"); },
        [](scripted_transport& net) {
            protocol::response torn = page(9); // its continuation must not be followed
            torn.body.pop_back();
            net.answer(torn);
        },
        [](scripted_transport& net) { net.fail(asio::error::host_not_found, false); },
        [](scripted_transport& net) {
            for (int i = 0; i < 4; ++i) net.answer(503);
        },
    };
    for (const bool ahead : {false, true}) {
        CAPTURE(ahead);
        for (std::size_t kind = 0; kind < failures.size(); ++kind) {
            CAPTURE(kind);
            for (const int failing_page : {1, 2, 3}) {
                CAPTURE(failing_page);
                for (const int times : {1, 3}) {
                    scripted_store s(store_options().read_ahead(ahead).retry_budget(100));
                    for (int n = 1; n <= 3; ++n) {
                        for (int i = 0; n == failing_page && i < times; ++i) failures[kind](*s.net);
                        s.net->answer(page(n, n == 3));
                    }
                    auto rows = s.db.query("");
                    std::vector<std::string> keys;
                    int failed = 0;
                    for (bool more = true; more;) {
                        try {
                            const auto row = s.run(rows.next());
                            more = row.has_value();
                            if (more) keys.push_back(row->key());
                        } catch (const error&) {
                            ++failed;
                            CHECK(keys.size() + 1 == static_cast<std::size_t>(failing_page));
                        }
                    }
                    CHECK(keys == std::vector<std::string>{"1", "2", "3"});
                    CHECK(failed == times);
                    CHECK(s.net->finished());
                    const std::size_t first = static_cast<std::size_t>(failing_page) - 1;
                    CHECK(first_line(s.net->sent[first]) == first_line(s.net->sent[first + 1]));
                }
            }
        }
    }
}

TEST_CASE("a table that is deleted during a query stays an error") {
    scripted_store s;
    s.net->answer(page(1));
    auto rows = s.db.query("");
    CHECK(s.run(rows.next()));
    for (int i = 0; i < 3; ++i) {
        s.net->answer(404, error_body("TableNotFound"));
        CHECK(failure_of([&] { s.run(rows.next_page()); }).code() == errc::not_found);
    }
}

TEST_CASE("next() || timer in a loop reaches the end") {
    for (const bool ahead : {false, true}) {
        CAPTURE(ahead);
        paging_server service([](std::size_t n) { return n == 1 || n == 3; });
        asio::io_context context;
        store db(context.get_executor(), service.server.endpoint(), key,
                 store_options().read_ahead(ahead).attempt_timeout(300ms).backoff(1ms, 1ms));
        const outcome all = run(context, in_a_loop(db.query("")));
        CHECK(all.keys == std::vector<std::string>{"1", "2", "3"});
        CHECK(all.timeouts >= 2);
    }
}

TEST_CASE("a parallel group reports the outcome of next() with a timer including errors") {
    http_server service(
        [](const http_request&) { return http_reply(403, error_body("AuthorizationFailure")); });
    asio::io_context context;
    store db(context.get_executor(), service.endpoint(), key);
    const std::exception_ptr failure = run(context, beside_a_timer(db.query("")));
    REQUIRE(failure);
    CHECK(failure_of([&] { std::rethrow_exception(failure); }).code() == errc::forbidden);
}

TEST_CASE("a blocking query resumes after a failure where it was") {
    std::size_t asked = 0;
    http_server service([&](const http_request& r) {
        const bool second = contains(r.target, "NextRowKey");
        if (second && ++asked < 3) return http_reply(403, error_body("AuthorizationFailure"));
        const protocol::response p = page(second ? 2 : 1);
        http_reply reply(200, p.body);
        if (!second) reply.headers.emplace_back("x-ms-continuation-NextRowKey", "1");
        return reply;
    });
    blocking_store db(service.endpoint(), key);
    auto rows = db.query("");
    auto at = rows.begin();
    CHECK(at->key() == "1");
    for (int i = 0; i < 2; ++i) {
        CHECK(failure_of([&] { ++at; }).code() == errc::forbidden);
        CHECK(at->key() == "1");
    }
    ++at;
    CHECK(at->key() == "2");
    ++at;
    CHECK(at == rows.end());
}
