#include "support/all_operations.hpp"
#include "support/held_transport.hpp"
#include "support/http_server.hpp"
#include "support/spawned.hpp"
#include "support/store_over.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>
#include <azkv/identity.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <future>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

const credential key = test_credential();

class held_store {
public:
    explicit held_store(const credential& c = key, store_options o = {})
        : net(std::make_shared<held_transport>([this](net::exchange& x) {
              x.response.status = status;
              x.response.retry_after = retry_after;
          })),
          db(store_over(context.get_executor(), net, std::move(o), c)) {}

    /// Runs until nothing is ready.
    void settle() { test::settle(context); }

    asio::io_context context;
    unsigned status = 204;
    std::string retry_after;
    std::shared_ptr<held_transport> net;
    store db;
};

} // namespace

TEST_CASE("a closed store takes no operations, nor do its copies") {
    held_store s;
    store copy = s.db;
    CHECK(run(s.context, s.db.close()));
    const auto refused = [](auto f) {
        const error e = failure_of(f);
        CHECK(e.code() == errc::closed);
        CHECK(e.code() != condition::transient);
        CHECK_FALSE(e.outcome_unknown());
        CHECK(contains(e.what(), "the store was closed"));
    };
    for (const operation_sample& o : all_operations()) {
        CAPTURE(o.name);
        refused([&] { run(s.context, o.run(s.db)); });
        refused([&] { run(s.context, o.run(copy)); });
    }
    CHECK(s.net->begun == 0);
    CHECK(run(s.context, copy.close())); // once more does no harm
}

TEST_CASE("what is under way may finish") {
    held_store s;
    spawned<etag> put(s.context, s.db.put("k", {}));
    s.settle();
    spawned<bool> closed(s.context, s.db.close(1h));
    s.settle();
    CHECK_FALSE(closed.done);
    CHECK_FALSE(put.done);
    spawned<std::optional<value>> get(s.context, s.db.get("k"));
    s.settle();
    CHECK(get.code() == errc::closed);
    s.net->let_one_go();
    s.settle();
    CHECK(put.done);
    CHECK_FALSE(put.failure);
    CHECK(closed.done);
    CHECK(closed.result);
}

TEST_CASE("what does not finish in time is ended, wherever it stands") {
    SUBCASE("in an exchange") {
        held_store s;
        spawned<etag> put(s.context, s.db.put("k", {}));
        s.settle();
        CHECK_FALSE(run(s.context, s.db.close(0ms)));
        CHECK_FALSE(run(s.context, s.db.close())); // nor did they the first time
        CHECK(put.code() == errc::closed);
        CHECK(put.thrown().outcome_unknown());
    }
    SUBCASE("in a pause") {
        held_store s;
        s.net->holds = false;
        s.status = 503;
        s.retry_after = "60";
        spawned<etag> put(s.context, s.db.put("k", {}));
        s.settle();
        CHECK(s.net->begun == 1);
        CHECK_FALSE(put.done);
        CHECK_FALSE(run(s.context, s.db.close(1ms)));
        CHECK(put.code() == errc::closed);
        CHECK(s.net->begun == 1);
    }
    SUBCASE("waiting for a token") {
        std::atomic<bool> asked{false};
        const auto never = [&](token_request) -> asio::awaitable<access_token> {
            asked = true;
            asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
            co_await timer.async_wait(asio::use_awaitable);
            co_return access_token("t", std::chrono::system_clock::now());
        };
        held_store s(credential::token(callback_credential(never)), store_options().allow_plain_http(true));
        spawned<etag> put(s.context, s.db.put("k", {}));
        s.settle();
        CHECK(asked);
        CHECK_FALSE(run(s.context, s.db.close(1ms)));
        CHECK(put.code() == errc::closed);
    }
    SUBCASE("in a put_all of several transactions") {
        held_store s;
        std::vector<std::pair<std::string, value>> pairs;
        for (int i = 0; i < 100; ++i) pairs.emplace_back("k" + std::to_string(i), value());
        spawned<void> put_all(s.context, s.db.put_all(std::move(pairs), "data", 1));
        s.settle();
        CHECK(s.net->under_way == 8);
        CHECK_FALSE(run(s.context, s.db.close(0ms)));
        CHECK(put_all.code() == errc::closed);
        try {
            std::rethrow_exception(put_all.failure);
        } catch (const put_all_error& e) {
            CHECK(e.unknown().size() == 8);
            CHECK(e.not_written().size() == 92);
        }
        CHECK(s.net->begun == 8);
    }
}

TEST_CASE("a query between two pages is not waited for, and ends with the next") {
    emulator service;
    asio::io_context context;
    store db = store::from_connection_string(context.get_executor(), service.connection_string());
    run(context, db.put_all({{"a", value()}, {"b", value()}}));
    service.faults(fault_plan().then(fault::short_page(1)));
    auto rows = db.query("");
    CHECK(run(context, rows.next()));
    CHECK(run(context, db.close(1h)));
    CHECK(failure_of([&] { run(context, rows.next()); }).code() == errc::closed);
}

TEST_CASE("closing can be cancelled, and the store stays closed") {
    held_store s;
    spawned<etag> put(s.context, s.db.put("k", {}));
    s.settle();
    spawned<bool> closed;
    closed.start_cancellable(s.context, s.db.close(1h));
    s.settle();
    closed.signal.emit(asio::cancellation_type::terminal);
    s.settle();
    CHECK(closed.code() == asio::error::operation_aborted);
    CHECK_FALSE(put.done);
    spawned<bool> refused(s.context, s.db.close(-1ms));
    s.settle();
    CHECK(refused.code() == errc::invalid_argument);
    s.net->let_all_go();
    s.settle();
    CHECK(put.done);
    CHECK_FALSE(put.failure);
}

TEST_CASE("closing ends what is under way at a real service, from another thread too") {
    http_server server([](const http_request&) {
        http_reply r;
        r.delay = 1h;
        return r;
    });
    asio::thread_pool threads(3);
    store db(threads.get_executor(), server.endpoint(), key, store_options().max_connections(10));
    std::vector<std::future<etag>> all;
    for (int i = 0; i < 50; ++i) all.push_back(asio::co_spawn(threads, db.put("k", {}), asio::use_future));
    wait_until([&] { return server.requests() >= 10; });
    const auto begin = steady_clock::now();
    CHECK_FALSE(asio::co_spawn(threads, db.close(10ms), asio::use_future).get());
    for (auto& f : all) CHECK(failure_of([&] { f.get(); }).code() == errc::closed);
    CHECK(steady_clock::now() - begin < 2s);
    threads.join();
}

TEST_CASE("a blocking store is closed for all threads") {
    http_server server([](const http_request& r) {
        http_reply reply(204);
        if (contains(r.target, "slow")) reply.delay = 1h;
        return reply;
    });
    blocking_store db(server.endpoint(), key);
    blocking_store traced = db.with_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    db.put("k", {});
    auto slow = std::async(std::launch::async, [&] { traced.put("slow", {}); });
    wait_until([&] { return server.requests() >= 2; });
    CHECK_FALSE(db.close(10ms));
    CHECK(failure_of([&] { slow.get(); }).code() == errc::closed);
    for (const operation_sample& o : all_operations()) {
        CAPTURE(o.name);
        CHECK(failure_of([&] { o.run(db); }).code() == errc::closed);
        CHECK(failure_of([&] { o.run(traced); }).code() == errc::closed);
    }
    CHECK_FALSE(db.close());
}
