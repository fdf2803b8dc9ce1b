#include "emulator/fault_player.hpp"
#include "emulator/fault_view.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>
#include <azkv/faults.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::emulation;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

constexpr fault_player::time_point start{};

// The outcome of each request in turn: the status of a response, a letter for other faults, `.` for none.
std::string play(fault_player& player, std::size_t requests, std::string_view method = "PUT",
                 std::string_view target = "/acct/T(PartitionKey='p',RowKey='r')",
                 fault_player::time_point now = start) {
    std::string met;
    for (std::size_t i = 0; i < requests; ++i) {
        auto drawn = player.begin();
        const bool cut = drawn && fault_view(*drawn).kind() == fault_kind::cut_request;
        const auto f = cut ? drawn : player.choose(drawn, method, target, now);
        if (!f) {
            met += '.';
            continue;
        }
        switch (fault_view(*f).kind()) {
        case fault_kind::answer:
        case fault_kind::throttle: met += std::to_string(fault_view(*f).status()); break;
        case fault_kind::cut_request: met += 'q'; break;
        case fault_kind::cut_answer: met += 'a'; break;
        case fault_kind::reset: met += 'r'; break;
        case fault_kind::short_page: met += 's'; break;
        default: met += '?'; break;
        }
    }
    return met;
}

} // namespace

TEST_CASE("times of a fault add up") {
    const fault f = fault::delay(20ms).after(5ms);
    CHECK(fault_view(f).wait() == 25ms);
}

TEST_CASE("a script is played once in order") {
    fault_player player(fault_plan()
                            .pass(2)
                            .then(fault::lose_answer())
                            .then(fault::answer(500, "InternalError"), 3)
                            .pass()
                            .then(fault::cut_request(7)),
                        service_mode::storage);
    CHECK(play(player, 12) == "..a500500500.q....");
}

TEST_CASE("a fault waits for the first request that matches its condition") {
    fault_player player(fault_plan()
                            .then(fault::reset().only_if(fault::is_read))
                            .then(fault::lose_answer().only_if(fault::is_write)),
                        service_mode::storage);
    CHECK(play(player, 3, "PUT") == "...");
    CHECK(play(player, 3, "GET") == "r..");
    CHECK(play(player, 3, "POST") == "a..");
}

TEST_CASE("a short page applies to queries only") {
    fault_player player(fault_plan().then(fault::short_page(0)), service_mode::storage);
    CHECK(play(player, 1, "GET", "/acct/T(PartitionKey='p',RowKey='r')") == ".");
    CHECK(play(player, 1, "GET", "/acct/Tables?$top=1") == ".");
    CHECK(play(player, 1, "POST", "/acct/T") == ".");
    CHECK(play(player, 2, "GET", "/acct/T()?$filter=a%20eq%201") == "s.");
}

TEST_CASE("the seed determines chance") {
    const auto played = [](std::uint64_t seed) {
        fault_player player(
            fault_plan(seed).sometimes(0.2, fault::reset()).sometimes(0.1, fault::lose_answer()),
            service_mode::storage);
        return play(player, 10'000);
    };
    const std::string met = played(42);
    CHECK(met == played(42));
    CHECK(met != played(43));
    const auto resets = std::ranges::count(met, 'r');
    const auto lost = std::ranges::count(met, 'a');
    CHECK(resets > 1'800);
    CHECK(resets < 2'200);
    CHECK(lost > 850);
    CHECK(lost < 1'150);
}

TEST_CASE("the first requests of a second pass and the others are throttled") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        fault_player player(fault_plan().throttle(3, 1500ms), mode);
        const std::string busy = mode == service_mode::storage ? "503" : "429";
        CHECK(play(player, 5, "GET", "/acct/T", start + 10s) == "..." + busy + busy);
        CHECK(play(player, 1, "GET", "/acct/T", start + 10'900ms) == busy);
        const auto f = player.choose(std::nullopt, "GET", "/acct/T", start + 10'950ms);
        REQUIRE(f);
        const auto& headers = fault_view(*f).headers();
        REQUIRE(headers.size() == 1);
        CHECK(headers[0].first == "Retry-After");
        CHECK(headers[0].second == "2");
        CHECK(play(player, 4, "GET", "/acct/T", start + 11s) == "..." + busy);
    }
    fault_player silent(fault_plan().throttle(1, 0ms), service_mode::cosmos);
    CHECK(play(silent, 1) == ".");
    const auto busy = silent.choose(std::nullopt, "GET", "/acct/T", start);
    REQUIRE(busy);
    CHECK(fault_view(*busy).headers().empty());
}

TEST_CASE("a partition is throttled by entities") {
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) {
        fault_player player(fault_plan().throttle_partitions(10, 5).then(fault::reset()), mode);
        CHECK(player.throttles_partitions());
        const auto ask = [&](const std::string& partition, std::size_t entities) {
            return player.choose(std::nullopt, "PUT", "/acct/T", start + 1s,
                                 partition_charge(partition, entities));
        };
        CHECK(fault_view(*ask("p", 5)).kind() == fault_kind::reset); // not throttled
        const auto busy = ask("p", 2);
        REQUIRE(busy);
        const fault_view seen(*busy);
        if (mode == service_mode::storage) {
            CHECK(seen.status() == 503);
            CHECK(seen.code() == "ServerBusy");
            CHECK(seen.headers().empty());
        } else {
            CHECK(seen.status() == 429);
            CHECK(seen.code() == "TooManyRequests");
            REQUIRE(seen.headers().size() == 1);
            CHECK(seen.headers()[0].first == "x-ms-retry-after-ms");
            CHECK(seen.headers()[0].second == "200");
        }
        CHECK_FALSE(ask("q", 5));
        player.charge(partition_charge("r", 1), 4, start + 1s);
        CHECK_FALSE(ask("r", 2));
        CHECK(ask("r", 1));
    }
    // The default burst: a second's.
    fault_player player(fault_plan().throttle_partitions(3), service_mode::storage);
    const partition_charge one("p", 1);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(player.choose(std::nullopt, "PUT", "/T", start, one));
    CHECK(player.choose(std::nullopt, "PUT", "/T", start, one));
    CHECK_FALSE(fault_player(fault_plan(), service_mode::storage).throttles_partitions());
}

TEST_CASE("a mixture has every kind of fault alike") {
    fault_player player(fault_plan(3).sometimes(0.5), service_mode::storage);
    const std::string met = play(player, 10'000, "GET", "/acct/T()");
    const auto between = [&](const std::string& what) {
        std::size_t n = 0;
        for (auto at = met.find(what); at != met.npos; at = met.find(what, at + 1)) ++n;
        CAPTURE(what);
        CHECK(n > 900);
        CHECK(n < 1'100);
    };
    for (const char* what : {"r", "a", "500", "503", "s"}) between(what);
}

TEST_CASE("latency is within its jitter and the seed determines it") {
    const auto drawn = [](std::uint64_t seed) {
        fault_player player(fault_plan(seed).latency(5ms, 10ms), service_mode::storage);
        std::vector<std::chrono::microseconds> all;
        for (int i = 0; i < 1'000; ++i) all.push_back(player.draw_latency());
        return all;
    };
    const auto all = drawn(1);
    CHECK(all == drawn(1));
    CHECK(all != drawn(2));
    const auto [least, most] = std::ranges::minmax(all);
    CHECK(least >= 5ms);
    CHECK(least < 6ms);
    CHECK(most > 14ms);
    CHECK(most <= 15ms);
    fault_player steady(fault_plan().latency(5ms), service_mode::storage);
    CHECK(steady.draw_latency() == 5ms);
    CHECK(fault_player(fault_plan(), service_mode::storage).draw_latency() == 0ms);
}

TEST_CASE("an invalid plan is rejected") {
    const auto refused = [](auto f) { return failure_of(f).code() == errc::invalid_argument; };
    CHECK(refused([] { fault::answer(200, "OK"); }));
    CHECK(refused([] { fault::answer(600, "?"); }));
    CHECK(refused([] { fault::trickle(0, 1ms); }));
    CHECK(refused([] { fault::cut_request(1).only_if(fault::is_read); }));
    CHECK(refused([] { fault_plan().sometimes(0.6, fault::reset()).sometimes(0.5, fault::close()); }));
    CHECK(refused([] { fault_plan().sometimes(-0.1, fault::reset()); }));
    CHECK(refused([] { fault_plan().throttle(0, 0ms); }));
    CHECK(refused([] { fault_plan().throttle(1, -1ms); }));
    CHECK(refused([] { fault_plan().throttle_partitions(0); }));
    CHECK(refused([] { fault_plan().sometimes(1.1); }));
    CHECK(refused([] { fault_plan().sometimes(-0.1); }));
    CHECK(refused([] { fault_plan().latency(-1ms); }));
    CHECK(refused([] { fault_plan().latency(1ms, 25h); }));
    CHECK(refused([] { fault::delay(-1ms); }));
    CHECK(refused([] { fault::reset().after(24h).after(1ms); }));
    CHECK(refused([] { fault::trickle(1, 25h); }));
    CHECK(refused([] { fault::close().header("a", "b\r\nc: d"); }));
    fault_plan tenths;
    for (int i = 0; i < 10; ++i) tenths.sometimes(0.1, fault::reset());
    fault_player player(std::move(tenths), service_mode::storage);
    CHECK(play(player, 5) == "rrrrr");
}
