// The costs of the emulator: whether reads and scans stay as fast while a table grows, how much memory its
// entities take, and how many requests it answers per second, side by side with Azurite.
//
//   azkv-emulator-bench PATH-OF-azkv-emulator
//     all of it; Azurite if AZKV_CONNECTION_STRING names it
//
//   azkv-emulator-bench PATH-OF-azkv-emulator --check
//     fails if reads slow down or memory is wasted
//
// The servers are separate processes, so that their CPU time and memory are counted apart. Compared services
// take turns, so that noise affects both.

#include "codec/entity.hpp"
#include "support/emulator_process.hpp"
#include "support/temporary_directory.hpp"

#include <azkv.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <list>
#include <random>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace azkv;
using namespace azkv::test;
namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {

constexpr int few = 1'000, many = 100'000;
constexpr double most_slowdown = 1.5; // of a get in a table of many entities
constexpr double most_memory = 3;     // per byte stored
constexpr int in_flight = 16;

double in_us(std::chrono::nanoseconds t) {
    return std::chrono::duration<double, std::micro>(t).count();
}

double median(std::vector<double> all) {
    std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
    return all[all.size() / 2];
}

double least(const std::vector<double>& all) {
    return std::ranges::min(all);
}

// Keys in no order, like those of a hash.
std::string key(int i) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(i) * 2'654'435'761u);
    return text;
}

// 1 KB of typical document members.
value make_document(int i) {
    value v;
    v["title"] = "The analytical engine weaves algebraic patterns " + std::to_string(i);
    v["text"] = std::string(780, static_cast<char>('a' + i % 26));
    v["language"] = "en";
    v["page"] = i;
    v["offset"] = 5'000'000'000 + i;
    v["score"] = 0.1 * i + 0.25;
    v["published"] = i % 2 == 0;
    return v;
}

/// Keeps this process, and those that it starts meanwhile, on one CPU. Where a client and its server happen
/// to run affects a single request more than anything else.
class one_cpu {
public:
    one_cpu() {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
        if (sched_getaffinity(0, sizeof all_, &all_) != 0 || sched_setaffinity(0, sizeof one, &one) != 0)
            throw std::runtime_error("cannot stay on one CPU");
    }

    ~one_cpu() { sched_setaffinity(0, sizeof all_, &all_); }

    one_cpu(const one_cpu&) = delete;
    one_cpu& operator=(const one_cpu&) = delete;

private:
    cpu_set_t all_;
};

/// A client of one service; each operation runs to completion.
class client {
public:
    explicit client(const std::string& connection_string)
        : db_(store::from_connection_string(context_.get_executor(), connection_string)) {}

    void load(int entities) {
        run(load_some(entities));
        entities_ = entities;
    }

    /// Returns the wall time of each of `n` consecutive gets, in microseconds.
    std::vector<double> get_one_by_one(int n) {
        std::vector<double> times;
        run(get_some(n, times));
        return times;
    }

    int scan() {
        int rows = 0;
        run(count(rows));
        return rows;
    }

    /// Requests per second, `in_flight` at a time.
    double get_rate(std::chrono::milliseconds time) { return rate(&client::get_until, time); }

    double upsert_rate(std::chrono::milliseconds time) { return rate(&client::upsert_until, time); }

private:
    using loop = asio::awaitable<void> (client::*)(steady::time_point end, int& done);

    void run(asio::awaitable<void> op) {
        spawn(std::move(op));
        finish();
    }

    void spawn(asio::awaitable<void> op) {
        asio::co_spawn(context_, std::move(op), [this](std::exception_ptr e) {
            if (e) failure_ = e;
        });
    }

    void finish() {
        context_.restart();
        context_.run();
        if (failure_) std::rethrow_exception(failure_);
    }

    double rate(loop f, std::chrono::milliseconds time) {
        int done = 0;
        const auto start = steady::now();
        for (int i = 0; i < in_flight; ++i) spawn((this->*f)(start + time, done));
        finish();
        return done / std::chrono::duration<double>(steady::now() - start).count();
    }

    asio::awaitable<void> load_some(int entities) {
        for (int first = 0; first < entities; first += 1'000) {
            std::vector<std::pair<std::string, value>> pairs;
            for (int i = first; i < std::min(entities, first + 1'000); ++i)
                pairs.emplace_back(key(i), make_document(i));
            co_await db_.put_all(std::move(pairs));
        }
    }

    asio::awaitable<void> get_some(int n, std::vector<double>& times) {
        for (int done = 0; done < n; ++done) {
            std::string k = key(any());
            const auto start = steady::now();
            const auto v = co_await db_.get(std::move(k));
            times.push_back(in_us(steady::now() - start));
            check(v.has_value());
        }
    }

    asio::awaitable<void> count(int& rows) {
        auto all = db_.query("");
        while (auto e = co_await all.next()) ++rows;
    }

    asio::awaitable<void> get_until(steady::time_point end, int& done) {
        for (; steady::now() < end; ++done) {
            std::string k = key(any());
            const auto v = co_await db_.get(std::move(k));
            check(v.has_value());
        }
    }

    asio::awaitable<void> upsert_until(steady::time_point end, int& done) {
        for (; steady::now() < end; ++done) {
            const int i = any();
            std::string k = key(i);
            value v = make_document(i);
            co_await db_.put(std::move(k), std::move(v));
        }
    }

    int any() { return std::uniform_int_distribution(0, entities_ - 1)(random_); }

    static void check(bool found) {
        if (!found) throw std::runtime_error("an entity is lost");
    }

    asio::io_context context_{1};
    store db_;
    int entities_ = 0;
    std::mt19937 random_{1};
    std::exception_ptr failure_;
};

/// An emulator that holds a number of entities, and its costs.
class subject {
public:
    subject(const std::string& program, int n, std::vector<std::string> arguments = {})
        : process(program, std::move(arguments)), service(process.connection_string()), entities(n) {
        service.load(1); // creates the table
        double bytes = 0;
        for (int i = 0; i < n; ++i)
            bytes += static_cast<double>(codec::encode_entity(codec::entity_key("default", key(i)),
                                                              make_document(i), service_mode::storage)
                                             .size());
        entity_bytes = bytes / n;
        const auto memory_before = static_cast<double>(process.resident_bytes());
        const auto cpu_before = process.cpu_time();
        const auto start = steady::now();
        service.load(n);
        load = in_us(steady::now() - start) / n;
        load_cpu = in_us(process.cpu_time() - cpu_before) / n;
        memory = (static_cast<double>(process.resident_bytes()) - memory_before) / bytes;
    }

    void get(int times) {
        const auto before = process.cpu_time();
        const std::vector<double> wall = service.get_one_by_one(times);
        gets.insert(gets.end(), wall.begin(), wall.end());
        gets_cpu.push_back(in_us(process.cpu_time() - before) / times);
    }

    void scan() {
        const auto before = process.cpu_time();
        const auto start = steady::now();
        if (service.scan() != entities) throw std::runtime_error("a scan has other rows than were written");
        scans.push_back(in_us(steady::now() - start) / entities);
        scans_cpu.push_back(in_us(process.cpu_time() - before) / entities);
    }

    emulator_process process;
    client service;
    int entities;
    // Microseconds per entity; the CPU time is the server's.
    double load, load_cpu;
    std::vector<double> gets, gets_cpu, scans, scans_cpu;
    double entity_bytes;
    double memory; // growth of the server per byte stored
};

int check(const std::string& program) {
    const one_cpu pinned;
    subject small(program, few), large(program, many);
    for (int round = 0; round < 10; ++round) {
        small.get(300);
        large.get(300);
    }
    const double slowdown = least(large.gets_cpu) / least(small.gets_cpu);
    std::printf("a get: %.1f us of CPU at %d entities, %.1f us at %d, ratio %.2f, at most %.1f\n",
                least(small.gets_cpu), few, least(large.gets_cpu), many, slowdown, most_slowdown);
    std::printf("memory per byte stored: %.2f, at most %.1f\n", large.memory, most_memory);
    return slowdown <= most_slowdown && large.memory <= most_memory ? EXIT_SUCCESS : EXIT_FAILURE;
}

void measure_growth(const std::string& program) {
    const one_cpu pinned;
    const temporary_directory directory;
    subject small(program, few), medium(program, 10'000), large(program, many),
        kept(program, many, {"--directory", directory.path()});
    const std::vector<subject*> all{&small, &medium, &large, &kept};
    for (int round = 0; round < 10; ++round)
        for (subject* s : all) s->get(500);
    for (int round = 0; round < 5; ++round)
        for (subject* s : all) s->scan();

    std::printf(
        "Entities of %.0f bytes as sent. Microseconds for one; of wall time as the client sees it, and "
        "of the\nserver's CPU time. Ratio: 100,000 to 1,000.\n\n",
        large.entity_bytes);
    std::printf("%-28s%10s%10s%10s%8s%14s\n", "", "1,000", "10,000", "100,000", "ratio", "100,000 kept");
    const auto row = [&](const char* name, auto of) {
        std::printf("%-28s%10.1f%10.1f%10.1f%8.2f%14.1f\n", name, of(small), of(medium), of(large),
                    of(large) / of(small), of(kept));
    };
    row("insert in batches, wall", [](const subject& s) { return s.load; });
    row("insert in batches, CPU", [](const subject& s) { return s.load_cpu; });
    row("get, wall", [](const subject& s) { return median(s.gets); });
    row("get, CPU", [](const subject& s) { return median(s.gets_cpu); });
    row("scan, wall", [](const subject& s) { return median(s.scans); });
    row("scan, CPU", [](const subject& s) { return median(s.scans_cpu); });
    std::printf("%-28s%10s%10.2f%10.2f%8s%14.2f\n\n", "memory per byte stored", "", medium.memory,
                large.memory, "", kept.memory);
}

void measure_rates(const std::string& program, const char* azurite) {
    const temporary_directory directory;
    const emulator_process emulator(program), keeper(program, {"--directory", directory.path()});
    std::vector<std::string> services{emulator.connection_string(), keeper.connection_string()};
    if (azurite) services.push_back(azurite);
    std::list<client> clients(services.begin(), services.end());
    for (client& c : clients) c.load(few);

    using rates = std::vector<std::vector<double>>; // by service and round
    rates gets(clients.size()), upserts(clients.size());
    for (int round = 0; round < 9; ++round) {
        std::size_t i = 0;
        for (client& c : clients) {
            gets[i].push_back(c.get_rate(std::chrono::milliseconds(400)));
            upserts[i++].push_back(c.upsert_rate(std::chrono::milliseconds(400)));
        }
    }

    std::printf("Requests per second, %d at a time from one client.\n\n%-28s%10s%14s%s\n", in_flight, "",
                "emulator", "kept", azurite ? "   Azurite   ratio  of kept" : "");
    const auto row = [&](const char* name, const rates& all) {
        std::printf("%-28s%10.0f%14.0f", name, median(all[0]), median(all[1]));
        if (azurite)
            std::printf("%10.0f%8.1f%9.1f", median(all[2]), median(all[0]) / median(all[2]),
                        median(all[1]) / median(all[2]));
        std::printf("\n");
    };
    row("get", gets);
    row("upsert", upserts);
}

} // namespace

int main(int argc, char** argv) {
    const bool checks = argc == 3 && std::string_view(argv[2]) == "--check";
    if (argc != 2 && !checks) {
        std::fprintf(stderr, "usage: %s PATH-OF-azkv-emulator [--check]\n", argv[0]);
        return 2;
    }
    try {
        if (checks) return check(argv[1]);
        measure_growth(argv[1]);
        std::fflush(stdout);
        measure_rates(argv[1], std::getenv("AZKV_CONNECTION_STRING"));
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "emulator_bench: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
