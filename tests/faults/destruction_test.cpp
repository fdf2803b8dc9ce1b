// An execution context that goes, with an operation under way, after any number of its steps: nothing leaks,
// and nothing is touched that is gone. (AddressSanitizer and LeakSanitizer tell.)

#include "faults/wait_points.hpp"
#include "support/all_operations.hpp"
#include "support/fixtures.hpp"
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

/// The collection of an operation, which begins with what the operation is to find.
std::string prepare(blocking_store& db, const operation_sample& o, int number) {
    const std::string collection = "c" + std::to_string(number);
    if (o.makes_table) return collection;
    if (o.before.empty()) db.put("another", numbered(0), collection); // creates the table
    for (const auto& [key, v] : o.before) db.put(key, v, collection);
    return collection;
}

asio::awaitable<void> check(const operation_sample& o, store db, std::string collection) {
    operation_arguments a = o.in(std::move(collection));
    const std::string result = co_await o.call(std::move(db), std::move(a));
    if (!o.writes()) CHECK(result == o.result);
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
    blocking_store first = blocking_store::from_connection_string(service.connection_string());
    int collections = 0;
    for (const operation_sample& o : all_operations()) {
        INFO(o.name);
        std::string collection = prepare(first, o, ++collections);
        const auto op = [&](store db) {
            if (o.makes_table) collection = "new" + std::to_string(++collections);
            return check(o, std::move(db), collection);
        };
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
