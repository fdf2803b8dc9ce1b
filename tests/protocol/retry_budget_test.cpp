#include "protocol/retry_budget.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace azkv::protocol;
using namespace std::chrono_literals;

namespace {

const retry_budget::time_point start(1000s);

int spend_all(retry_budget& b, retry_budget::time_point now) {
    int n = 0;
    while (n < 100'000 && b.spend(now)) ++n;
    return n;
}

} // namespace

TEST_CASE("a budget has a reserve which refills over time") {
    retry_budget b(0);
    CHECK(spend_all(b, start) == 40);
    CHECK(spend_all(b, start + 1s) == 6);
    CHECK(spend_all(b, start + 1100ms) == 0);
    CHECK(spend_all(b, start + 1200ms) == 1);
    CHECK(spend_all(b, start + 1000s) == 40); // that is the limit
    CHECK(spend_all(b, start) == 0);          // an earlier reading of the clock
}

TEST_CASE("each request earns a share of a retry") {
    retry_budget b(0.25);
    CHECK(spend_all(b, start) == 40);
    for (int i = 0; i < 40; ++i) b.earn();
    CHECK(spend_all(b, start) == 10);
    for (int i = 0; i < 10'000; ++i) b.earn();
    CHECK(spend_all(b, start) == 40);
}

TEST_CASE("an outage adds only a share of the traffic") {
    retry_budget b(0.15);
    int retries = 0;
    for (int i = 0; i < 5'000; ++i) { // 500 calls per second, all of which fail, for 10 seconds
        b.earn();
        const auto now = start + i * 2ms;
        for (int attempt = 1; attempt < 4 && b.spend(now); ++attempt) ++retries;
    }
    CHECK(retries <= 5'000 * 0.15 + 40 + 60);
    CHECK(retries >= 5'000 * 0.15);
}

TEST_CASE("a large share does not limit retries") {
    retry_budget b(100);
    int retries = 0;
    for (int i = 0; i < 1'000; ++i) {
        b.earn();
        for (int attempt = 1; attempt < 10; ++attempt) retries += b.spend(start);
    }
    CHECK(retries == 9'000);
    for (int i = 0; i < 1'000; ++i) b.earn(); // all at once, before the first fails
    CHECK(spend_all(b, start) == 4'000);
}

TEST_CASE("one sequential caller with the usual pauses does not exhaust the budget") {
    retry_budget b(0.15);
    auto now = start;
    for (int call = 0; call < 5'000; ++call) {
        b.earn();
        for (const auto pause : {75ms, 150ms, 300ms}) { // the averages of 50 to 100, 100 to 200, 200 to 400
            REQUIRE(b.spend(now));
            now += pause;
        }
    }
}

TEST_CASE("threads share a budget") {
    retry_budget b(0);
    std::atomic<int> spent{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i) spent += b.spend(start);
        });
    for (std::thread& t : threads) t.join();
    CHECK(spent == 40);
}
