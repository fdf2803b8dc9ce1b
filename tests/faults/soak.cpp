// A store under faults for a long time: neither its memory nor its descriptors may grow.
//
//   azkv-soak MINUTES [THREADS]
//
// Prints what it did, and how the resident memory grew after a warm-up (two minutes, a third of short runs).
// Fails if that was 1 MB an hour or more; in less than ten minutes, too short for a rate, if it was 4 MB
// in all. The service is a second process of this program, so that its memory is not counted.

#include "faults/checked_value.hpp"
#include "faults/progress_counter.hpp"
#include "faults/silent_peer.hpp"
#include "support/emulator_process.hpp"
#include "support/sanitized.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <unistd.h>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr int users = 64;
constexpr std::size_t connections = 64;
constexpr auto attempt_timeout = sanitized ? 1000ms : 200ms;

fault_plan faults() {
    fault_plan plan(7);
    plan.sometimes(0.02, fault::reset());
    plan.sometimes(0.01, fault::close());
    plan.sometimes(0.01, fault::cut_request(100));
    plan.sometimes(0.02, fault::lose_answer());
    plan.sometimes(0.01, fault::cut_answer(1));
    plan.sometimes(0.01, fault::cut_answer(200));
    plan.sometimes(0.01, fault::close_after());
    plan.sometimes(0.002, fault::garbage());
    plan.sometimes(0.01, fault::answer(500, "InternalError"));
    plan.sometimes(0.01, fault::answer(503, "InternalError").header("x-ms-retry-after-ms", "2"));
    plan.sometimes(0.0001,
                   fault::answer(503, "ServerBusy").header("x-ms-retry-after-ms", "2")); // for all partitions
    plan.sometimes(0.0001, fault::answer_in_batch(429, "TooManyRequests"));
    plan.sometimes(0.01, fault::answer_body(502, "<html>Bad gateway</html>"));
    plan.sometimes(0.02, fault::short_page(3));
    plan.sometimes(0.01, fault::trickle(200, 1ms));
    plan.sometimes(0.001, fault::delay(2 * attempt_timeout));
    return plan;
}

// The program that `emulator_process` starts.
int serve() {
    emulator service;
    service.faults(faults());
    std::cout << service.connection_string() << std::endl;
    for (;;) pause(); // until it is killed
}

/// The results of all users.
class findings {
public:
    std::atomic<bool> over{false};
    std::atomic<std::size_t> failed{0}; // as expected of such a service
    std::atomic<std::size_t> wrong{0};
};

// A small number of keys, so that the tables do not grow.
std::string key_of(std::size_t n) {
    return "key-" + std::to_string(n % 300);
}

std::string collection_of(std::size_t n) {
    return "table" + std::to_string(n % 3);
}

asio::awaitable<void> do_something(store db, std::size_t dice, findings& f) {
    const std::string key = key_of(dice / 16);
    const std::string collection = collection_of(dice / 7);
    const std::uint64_t version = dice % 1'000'000 + 1;
    switch (dice % 16) {
    case 0: {
        const auto all = co_await db.get_all(collection);
        for (const auto& [k, v] : all) f.wrong += version_of(k, v) ? 0 : 1;
        break;
    }
    case 1: {
        auto rows = db.query("version gt " + std::to_string(version), collection, select("version"));
        while (auto row = co_await rows.next()) f.wrong += row->value().size() == 1 ? 0 : 1;
        break;
    }
    case 2:
    case 3: {
        std::vector<std::pair<std::string, value>> pairs;
        for (std::size_t i = 0; i < 8; ++i) {
            const std::string k = key_of(dice / 16 + i);
            pairs.emplace_back(k, checked_value(k, version + i));
        }
        co_await db.put_all(std::move(pairs), collection, 1 + dice / 16 % 8);
        break;
    }
    case 4:
    case 5: co_await db.erase(key, collection); break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10: {
        const auto found = co_await db.get(key, collection);
        f.wrong += !found || version_of(key, *found) ? 0 : 1;
        break;
    }
    default: co_await db.put(key, checked_value(key, version), collection); break;
    }
}

asio::awaitable<void> use(store db, unsigned seed, findings& f) {
    std::mt19937 random(seed);
    while (!f.over) {
        try {
            co_await do_something(db, random(), f);
        } catch (const error& e) {
            ++f.failed;
            if (f.over && e.code() == errc::closed) break;
            // An invalid response is not retried.
            if (e.code() != condition::transient && e.code() != errc::bad_response && ++f.wrong < 10)
                std::cerr << std::string(e.what()) + '\n';
        }
    }
}

double resident_megabytes() {
    std::ifstream in("/proc/self/statm");
    double total = 0, resident = 0;
    in >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

class sample {
public:
    sample(double seconds, double megabytes, std::size_t descriptors)
        : seconds(seconds), megabytes(megabytes), descriptors(descriptors) {}

    double seconds;
    double megabytes;
    std::size_t descriptors;
};

// The slope of the straight line that best fits all samples.
double megabytes_per_second(const std::vector<sample>& all) {
    double x = 0, y = 0, xx = 0, xy = 0;
    for (const sample& s : all) {
        x += s.seconds;
        y += s.megabytes;
        xx += s.seconds * s.seconds;
        xy += s.seconds * s.megabytes;
    }
    const auto n = static_cast<double>(all.size());
    return (n * xy - x * y) / (n * xx - x * x);
}

std::vector<sample> watch(std::chrono::duration<double> time) {
    std::vector<sample> all;
    all.reserve(static_cast<std::size_t>(time / 1s) + 1);
    const auto begun = steady_clock::now();
    const auto warm_up = std::min<std::chrono::duration<double>>(2min, time / 3);
    for (auto next = begun; steady_clock::now() - begun < time;) {
        next += 1s;
        std::this_thread::sleep_until(next);
        const std::chrono::duration<double> passed = steady_clock::now() - begun;
        if (passed > warm_up) all.emplace_back(passed.count(), resident_megabytes(), open_descriptors());
    }
    return all;
}

int soak(std::chrono::duration<double> time, std::size_t threads) {
    emulator_process service("/proc/self/exe");
    const std::size_t descriptors_before = open_descriptors();
    progress_counter counts;
    findings f;
    std::vector<sample> samples;
    bool closed_in_time = false;
    {
        asio::thread_pool pool(threads);
        auto db = store::from_connection_string(pool.get_executor(), service.connection_string(),
                                                store_options()
                                                    .max_connections(connections)
                                                    .attempt_timeout(attempt_timeout)
                                                    .timeout(10s)
                                                    .backoff(1ms, 20ms)
                                                    .retry_budget(100)
                                                    .observer(std::ref(counts)));
        std::vector<std::future<void>> all;
        for (unsigned i = 0; i < users; ++i)
            all.push_back(asio::co_spawn(pool, use(db, i, f), asio::use_future));
        samples = watch(time);
        f.over = true;
        closed_in_time = asio::co_spawn(pool, db.close(30s), asio::use_future).get();
        for (auto& one : all) one.get();
    }
    const std::size_t descriptors_after = open_descriptors();

    const auto by_descriptors = [](const sample& a, const sample& b) {
        return a.descriptors < b.descriptors;
    };
    const auto [fewest, most] = std::ranges::minmax_element(samples, by_descriptors);
    const double growth = megabytes_per_second(samples);
    const bool is_long = time >= 10min;
    std::cout << static_cast<double>(counts.operations) / time.count() << " operations/s, "
              << counts.operations << " in all, " << counts.retries << " retries, " << f.failed
              << " failures, " << f.wrong << " wrong; resident memory " << samples.front().megabytes
              << " MB at first, " << samples.back().megabytes << " MB at last, growing by " << growth * 3600
              << " MB/hour; descriptors from " << fewest->descriptors << " to " << most->descriptors << ", "
              << descriptors_before << " before, " << descriptors_after << " after\n";

    // The sanitizers keep freed memory.
    const bool memory_is_flat = sanitized || (is_long ? growth * 3600 < 1 : growth * (time / 1s) < 4);
    constexpr std::size_t of_threads = 8; // and of the executor
    const bool descriptors_are_flat = most->descriptors <= descriptors_before + connections + of_threads
                                      && descriptors_after == descriptors_before;
    const auto say = [](bool right, const char* what) {
        if (!right) std::cout << "FAILED: " << what << '\n';
        return right;
    };
    bool right = say(memory_is_flat, "the memory grows");
    right = say(descriptors_are_flat, "descriptors are left open") && right;
    right = say(f.wrong == 0, "wrong results, or unexpected errors") && right;
    right = say(closed_in_time, "operations did not end") && right;
    right = say(counts.operations > 500, "too few operations") && right;
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "--port") return serve();
    const double minutes = argc > 1 ? std::atof(argv[1]) : 0;
    if (minutes <= 0.1) {
        std::cerr << "usage: azkv-soak MINUTES [THREADS]\n";
        return 2;
    }
    return soak(std::chrono::duration<double, std::ratio<60>>(minutes), argc > 2 ? std::stoul(argv[2]) : 2);
}
