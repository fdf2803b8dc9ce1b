#include "client/pacing.hpp"
#include "support/process.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <deque>
#include <string>

using namespace azkv;
using namespace std::chrono_literals;
using client::pacing;

TEST_CASE("calls cost the same however many partitions are throttled") {
    pacing all(1'000);
    const std::atomic<unsigned> process = support::process_number();
    std::deque<std::string> partitions;
    std::deque<pacing::ticket> throttled;
    for (int i = 0; i < 20'000; ++i) {
        const std::string& partition = partitions.emplace_back(std::to_string(i));
        throttled.emplace_back(all, process, "data", partition, 1).refused(0ms);
    }
    int needed = 0;
    const std::clock_t begun = std::clock();
    for (int i = 0; i < 20'000; ++i) {
        pacing::ticket t(all, process, "data", "another", 1);
        if (t.is_needed()) ++needed;
        t.drop_finished();
    }
    const std::clock_t took = std::clock() - begun;
    CHECK(needed > 0);
    CHECK(took < CLOCKS_PER_SEC); // ten times that if each of them looked at all
}
