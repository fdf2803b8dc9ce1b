// More calls than connections: their outcomes, and the reports about them.

#include "support/spawned.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>
#include <azkv/store.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

/// A store with one connection to a slow service.
class crowded_store {
public:
    explicit crowded_store(std::size_t waiting, store_options::milliseconds timeout = 10s)
        : db(store::from_connection_string(
            context.get_executor(), service.connection_string(),
            store_options()
                .max_connections(1)
                .max_waiting(waiting)
                .timeout(timeout)
                .observer([this](const event& e) {
                    attempts += e.kind == event_kind::attempt;
                    if (e.kind == event_kind::overload)
                        told.push_back({e.waiting, e.connections, e.lost, e.refused});
                })
                .logger(log_level::warning,
                        [this](log_level, std::string_view line) { lines.emplace_back(line); }))) {
        blocking_store::from_connection_string(service.connection_string()).put("k", {}); // creates the table
        service.faults(fault_plan().sometimes(1, fault::delay(200ms)));
    }

    spawned<etag>& put() {
        spawned<etag>& call = calls.emplace_back();
        call.start(context, db.put("k", {}));
        context.restart();
        context.poll();
        return call;
    }

    class report {
    public:
        std::size_t waiting, connections, lost, refused;
    };

    emulator service;
    asio::io_context context;
    std::vector<report> told;
    std::vector<std::string> lines;
    int attempts = 0;
    std::deque<spawned<etag>> calls;
    store db;
};

} // namespace

TEST_CASE("a call that finds too many waiting fails at once and says so") {
    crowded_store s(1);
    auto& first = s.put();
    auto& second = s.put();
    auto& third = s.put();
    CHECK_FALSE(first.done);
    CHECK_FALSE(second.done);
    REQUIRE(third.done);
    const error e = third.thrown();
    CHECK(e.code() == errc::overloaded);
    CHECK(e.code() == condition::transient);
    CHECK_FALSE(e.outcome_unknown());
    CHECK(contains(e.what(), "put \"k\" in \"data\": waiting for a connection to 127.0.0.1:"));
    CHECK(contains(e.what(), "(overloaded: 1 call waits for 1 connection)"));
    REQUIRE(s.told.size() == 1);
    CHECK(s.told[0].waiting == 1);
    CHECK(s.told[0].connections == 1);
    CHECK(s.told[0].lost == 0);
    CHECK(s.told[0].refused == 1);
    CHECK(s.put().done);
    CHECK(s.told.size() == 1); // once a second at most
    CHECK(s.attempts == 0);
    s.context.run();
    CHECK_FALSE(first.failure);
    CHECK_FALSE(second.failure);
    CHECK(std::ranges::count(s.lines,
                             "overloaded: 1 call waits for 1 connection; 0 had too little time left, 1 "
                             "found too many waiting")
          == 1);
}

TEST_CASE("a waiting call is not sent when too little of its time is left") {
    crowded_store s(100, 3'200ms);
    s.service.faults(fault_plan().sometimes(1, fault::delay(800ms)));
    s.put(); // measures how long the service takes
    s.context.run();
    s.attempts = 0;
    const auto& begun = s.put();
    for (int i = 0; i < 2; ++i) s.put();
    const auto& late = s.put(); // would begin with 800 ms left, or less
    s.context.run();
    CHECK_FALSE(begun.failure);
    CHECK(s.attempts == 3);
    const error e = late.thrown();
    CHECK(e.code() == errc::timed_out);
    CHECK_FALSE(e.outcome_unknown()); // nothing of it was sent
    CHECK(contains(e.what(), "overloaded: 1 call waits for 1 connection"));
    REQUIRE_FALSE(s.told.empty());
    CHECK(s.told[0].lost == 1);
}

TEST_CASE("a caller that retries at once when too many wait does not hold up the others") {
    crowded_store s(1);
    auto& first = s.put();
    auto& second = s.put();
    int tries = 0;
    bool done = false;
    asio::co_spawn(
        s.context,
        [&]() -> asio::awaitable<void> {
            for (;; ++tries) {
                try {
                    co_await s.db.put("k", {});
                    co_return;
                } catch (const error& e) {
                    if (e.code() != errc::overloaded) throw;
                }
            }
        },
        [&](std::exception_ptr failure) {
            CHECK_FALSE(failure);
            done = true;
        });
    s.context.restart();
    s.context.run_for(30s);
    CHECK(done);
    CHECK(tries > 1);
    CHECK(first.done);
    CHECK(second.done);
}

TEST_CASE("put_all does not overload itself and stops where others leave no room") {
    std::vector<std::pair<std::string, value>> pairs;
    for (int i = 0; i < 40; ++i) pairs.emplace_back("k" + std::to_string(i), value());
    crowded_store s(0);
    s.service.faults(fault_plan());
    run(s.context, s.db.put_all(pairs, default_collection, 10));

    s.service.faults(fault_plan().sometimes(1, fault::delay(200ms)));
    s.put(); // uses the connection
    const error e = failure_of([&] { run(s.context, s.db.put_all(pairs, default_collection, 10)); });
    CHECK(e.code() == errc::overloaded);
    CHECK_FALSE(e.outcome_unknown());
    s.context.restart();
    s.context.run();
    std::this_thread::sleep_for(1'100ms); // until there may be another report
    s.put();
    CHECK(s.put().done);
    CHECK(s.told.back().refused == 1);
}
