// An execution context that goes, with an operation under way, after any number of its steps: nothing leaks,
// and nothing is touched that is gone. (AddressSanitizer and LeakSanitizer tell.)

#include "faults/wait_points.hpp"
#include "support/run.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <memory>
#include <optional>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

value one() {
    value v;
    v["n"] = 1;
    return v;
}

asio::awaitable<void> put(store db) {
    return db.put("k", one());
}

asio::awaitable<void> put_in_new_table(store db) {
    static int tables = 0;
    return db.put("k", one(), "new" + std::to_string(++tables));
}

asio::awaitable<void> put_all(store db) {
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 6; ++i) pairs.emplace_back("k" + std::to_string(i), one());
    return db.put_all(std::move(pairs), default_collection, 2);
}

asio::awaitable<void> get(store db) {
    co_await db.get("k");
}

asio::awaitable<void> get_all(store db) {
    co_await db.get_all();
}

asio::awaitable<void> query(store db) {
    auto rows = db.query("n eq 1");
    while (auto row = co_await rows.next()) CHECK(row->value() == one());
}

asio::awaitable<void> erase(store db) {
    co_await db.erase("k");
}

/// How many steps `op` takes to its end, having been cut short after each number of steps less than that.
int cut_short(emulator& service, const wait_point::operation& op) {
    for (int steps = 0;; ++steps) {
        asio::io_context context;
        auto db = store::from_connection_string(
            context.get_executor(), service.connection_string(),
            store_options().backoff(1ms, 1ms).max_attempts(100).retry_budget(100));
        bool ended = false;
        asio::co_spawn(context, op(std::move(db)), [&](std::exception_ptr f) {
            ended = true;
            CHECK(!f);
        });
        for (int i = 0; i < steps && !ended; ++i) context.run_one();
        if (ended) return steps;
    }
}

} // namespace

TEST_CASE("an execution context may go after any step of any operation") {
    emulator service;
    blocking_store::from_connection_string(service.connection_string()).put("k", one());
    for (const auto op : {&put, &put_in_new_table, &put_all, &get, &get_all, &query, &erase}) {
        CHECK(cut_short(service, op) > 3);
        // With a step back: the first request is not answered, and sent once more.
        service.faults(fault_plan(7)
                           .sometimes(0.3, fault::lose_answer())
                           .sometimes(0.2, fault::answer(503, "ServerBusy")));
        CHECK(cut_short(service, op) > 3);
        service.faults();
    }
}

TEST_CASE("an execution context may go wherever an operation waits") {
    for (const wait_point& p : all_wait_points()) {
        INFO(p.name);
        for (const auto time : {0ms, 1ms, 10ms}) {
            auto context = std::make_unique<asio::io_context>();
            std::optional<test_setup> s(p.set(*context, store_options().timeout(1h).connect_timeout(1h)));
            int ended = 0;
            for (int i = 0; i < 3; ++i)
                asio::co_spawn(*context, p.run(s->pooled.db), [&](std::exception_ptr) { ++ended; });
            context->run_for(time);
            CHECK(ended == 0);
            s.reset();
            release_look_ups();
            context.reset();
        }
    }
}
