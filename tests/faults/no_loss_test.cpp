// Writes by many callers at once, of which a tenth meets some fault. At the end the table holds what was
// acknowledged, nothing that was rejected, and nothing twice.

#include "faults/checked_value.hpp"
#include "faults/progress_counter.hpp"
#include "faults/workload.hpp"
#include "support/run.hpp"
#include "support/sanitized.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <iostream>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto attempt_timeout = sanitized ? 1000ms : 250ms;
constexpr int workloads_at_once = 64;

std::size_t number_from(const char* variable, std::size_t otherwise) {
    const char* const text = std::getenv(variable);
    return text ? std::stoul(text) : otherwise;
}

/// A tenth of all requests. None is throttled: even rare throttling slows all callers.
fault_plan faults() {
    fault_plan plan(20'240'229);
    plan.sometimes(0.010, fault::reset());
    plan.sometimes(0.005, fault::close());
    plan.sometimes(0.005, fault::cut_request(50));
    plan.sometimes(0.005, fault::cut_request(600));
    plan.sometimes(0.015, fault::lose_answer());
    plan.sometimes(0.005, fault::cut_answer(1));
    plan.sometimes(0.005, fault::cut_answer(60));
    plan.sometimes(0.005, fault::cut_answer(250));
    plan.sometimes(0.018, fault::answer(500, "InternalError"));
    plan.sometimes(0.005, fault::answer(503, "InternalError").header("Retry-After", "0"));
    plan.sometimes(0.005, fault::answer(503, "InternalError").header("x-ms-retry-after-ms", "3"));
    plan.sometimes(0.005, fault::answer(502, ""));
    plan.sometimes(0.002, fault::delay(2 * attempt_timeout)); // longer than the client waits
    return plan;
}

/// Some of these faults, and throttling in every form.
fault_plan throttling() {
    fault_plan plan(20'240'301);
    plan.sometimes(0.010, fault::reset());
    plan.sometimes(0.015, fault::lose_answer());
    plan.sometimes(0.004, fault::answer(503, "ServerBusy"));
    plan.sometimes(0.004, fault::answer(503, "ServerBusy").header("Retry-After", "0"));
    plan.sometimes(0.004, fault::answer(429, "TooManyRequests"));
    plan.sometimes(0.004, fault::answer(429, "TooManyRequests").header("x-ms-retry-after-ms", "3"));
    plan.sometimes(0.001, fault::answer(429, "TooManyRequests").header("Retry-After", "1"));
    plan.sometimes(0.015, fault::answer_in_batch(429, "TooManyRequests"));
    return plan;
}

asio::awaitable<std::size_t> compare(store db, const workload::model& expected) {
    std::size_t wrong = 0;
    const auto blame = [&](const std::string& key, const char* what) {
        if (++wrong <= 10) std::cout << key << ": " << what << '\n';
    };
    std::set<std::string> seen;
    auto rows = db.query("");
    for (;;) {
        const std::vector<entry> page = co_await rows.next_page();
        if (page.empty()) break;
        for (const entry& row : page) {
            const std::string& key = row.key();
            if (!seen.insert(key).second) blame(key, "is there twice");
            const auto version = version_of(key, row.value());
            const auto may_be = expected.find(key);
            if (!version)
                blame(key, "is not what anybody wrote");
            else if (may_be == expected.end() || !may_be->second.contains(*version))
                blame(key, "is there in a version that must not be");
        }
    }
    for (const auto& [key, versions] : expected)
        if (!versions.contains(0) && !seen.contains(key)) blame(key, "is lost");
    co_return wrong;
}

// The service still executes requests whose client no longer waits.
asio::awaitable<bool> nothing_is_under_way(const emulator& service) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const auto end = steady_clock::now() + 20s;
    while (service.counters().open_connections > 0 && steady_clock::now() < end) {
        timer.expires_after(10ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
    co_return service.counters().open_connections == 0;
}

void write_and_compare(const char* name, std::size_t writes, store_options options, fault_plan plan) {
    const auto begun = steady_clock::now();
    emulator service;
    progress_counter counts;
    std::deque<workload> workloads;
    for (int i = 0; i < workloads_at_once; ++i) workloads.emplace_back(i, attempt_timeout);
    {
        asio::thread_pool threads(number_from("AZKV_NO_LOSS_THREADS", 2));
        auto db = store::from_connection_string(threads.get_executor(), service.connection_string(),
                                                options.attempt_timeout(attempt_timeout)
                                                    .backoff(1ms, 20ms)
                                                    .max_attempts(3)
                                                    .observer(std::ref(counts)));
        asio::co_spawn(threads, db.put("0-0", {}), asio::use_future).get(); // creates the table
        asio::co_spawn(threads, db.erase("0-0"), asio::use_future).get();
        service.faults(std::move(plan));
        std::vector<std::future<void>> all;
        for (workload& w : workloads)
            all.push_back(asio::co_spawn(threads, w.write(db, writes / workloads_at_once), asio::use_future));
        for (auto& one : all) one.get();
    }
    service.faults();
    asio::io_context context;
    CHECK(run(context, nothing_is_under_way(service)));

    workload::model expected;
    std::size_t written = 0, failed = 0, unknown = 0;
    for (const workload& w : workloads) {
        expected.insert(w.expected().begin(), w.expected().end());
        written += w.written;
        failed += w.failed;
        unknown += w.unknown;
        CHECK(w.wrong == 0);
    }
    const auto checking = store::from_connection_string(context.get_executor(), service.connection_string());
    CHECK(run(context, compare(checking, expected)) == 0);

    const std::chrono::duration<double> took = steady_clock::now() - begun;
    std::cout << name << ": " << written << " writes to " << expected.size() << " keys in "
              << counts.operations << " operations, " << counts.attempts << " attempts of which "
              << counts.retries << " were repeated, " << service.counters().faults << " faults, " << failed
              << " failures of which " << unknown << " with unknown outcome, " << took.count() << " s\n";
    CHECK(written >= writes / workloads_at_once * workloads_at_once);
    CHECK(service.counters().faults > writes / 40);
    CHECK(counts.retries > writes / 100);
}

} // namespace

TEST_CASE("no acknowledged write is lost and no rejected one is stored") {
    write_and_compare("generous retries", number_from("AZKV_NO_LOSS_WRITES", sanitized ? 10'000 : 100'000),
                      store_options().retry_budget(100), faults());
}

TEST_CASE("no loss with the usual retry budget") {
    write_and_compare("usual retries", sanitized ? 2'000 : 10'000, store_options(), faults());
}

TEST_CASE("no loss where calls are throttled without spending retries") {
    write_and_compare("throttled", 2'000, store_options().retry_budget(0), throttling());
}
