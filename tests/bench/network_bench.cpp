// What a call costs over the network, at a server that costs nothing: tests/bench/canned.
//
//   tests/bench/canned -- build/bench/tests/bench/azkv-network-bench get --in-flight 64
//
// Prints one line. CPU time is that of this process, user and system, for an entity; what is written is made
// before the clock starts, and connections are opened before.

#include "support/all_operations.hpp"
#include "usage.hpp"

#include <azkv.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/config.hpp>
#include <boost/version.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace {

// The account that every emulator has, with its public key.
constexpr auto account =
    "AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;";

constexpr std::size_t pairs_of_put_all = 100;

/// What is measured. These have code of their own, which costs nothing besides the call.
enum class work { get, put, put_all, get_all, query, other };

const std::map<std::string, work> works{{"get", work::get},
                                        {"put", work::put},
                                        {"put_all", work::put_all},
                                        {"get_all", work::get_all},
                                        {"query", work::query}};

work work_of(const std::string& name) {
    const auto it = works.find(name);
    return it == works.end() ? work::other : it->second;
}

/// The names of all operations.
std::vector<std::string> operations() {
    std::vector<std::string> names;
    for (const auto& o : azkv::test::all_operations())
        if (o.is_plain()) names.push_back(o.name);
    return names;
}

class arguments {
public:
    std::string what;
    std::string url;
    std::string ca_file;
    std::string collection = "kvbench";
    std::size_t count = 20'000;
    std::optional<std::size_t> warm_up;
    std::size_t in_flight = 1;
    std::size_t threads = 1;
    std::size_t connections = 64;
    bool blocking = false;
};

using pairs = std::vector<std::pair<std::string, azkv::value>>;

// 1 KB in five texts.
azkv::value make_value() {
    azkv::value v;
    for (const char* name : {"p0", "p1", "p2", "p3", "p4"}) v[name] = std::string(180, 'x');
    return v;
}

/// Calls that somebody has to make, with what they write, and what came of them.
class calls {
public:
    calls(const arguments& a, std::size_t count)
        : what(work_of(a.what)), operation(azkv::test::operation_named(a.what)),
          others(operation.in(a.collection)), collection(a.collection), input_(count), count_(count) {
        others.key = key;
        others.v = make_value();
        const std::size_t size = what == work::put ? 1 : what == work::put_all ? pairs_of_put_all : 0;
        for (pairs& input : input_)
            for (std::size_t i = 0; i < size; ++i)
                input.emplace_back("r" + std::to_string(100'000 + i), make_value());
    }

    /// False if none is left.
    bool take(pairs& input) {
        const std::size_t i = next_++;
        if (i < count_) input = std::move(input_[i]);
        return i < count_;
    }

    const work what;
    const azkv::test::operation_sample& operation;
    azkv::test::operation_arguments others; // of operations without code of their own here
    const std::string key = "r000001";
    const std::string collection;
    std::atomic<std::size_t> entities{0};

private:
    std::vector<pairs> input_;
    std::size_t count_;
    std::atomic<std::size_t> next_{0};
};

asio::awaitable<void> make(azkv::store db, calls& todo) {
    pairs input;
    std::size_t entities = 0;
    while (todo.take(input)) {
        const std::size_t size = input.size();
        switch (todo.what) {
        case work::get: {
            const auto found = co_await db.get(todo.key, todo.collection);
            entities += found.has_value();
            break;
        }
        case work::put:
            co_await db.put(std::move(input[0].first), std::move(input[0].second), todo.collection);
            entities += size;
            break;
        case work::put_all:
            co_await db.put_all(std::move(input), todo.collection);
            entities += size;
            break;
        case work::get_all: {
            const auto all = co_await db.get_all(todo.collection);
            entities += all.size();
            break;
        }
        case work::query: {
            auto rows = db.query("", todo.collection);
            while (auto row = co_await rows.next()) ++entities;
            break;
        }
        case work::other: {
            const std::string result = co_await todo.operation.call(db, todo.others);
            ++entities;
            break;
        }
        }
    }
    todo.entities += entities;
}

void make(azkv::blocking_store& db, calls& todo) {
    pairs input;
    std::size_t entities = 0;
    while (todo.take(input)) {
        const std::size_t size = input.size();
        switch (todo.what) {
        case work::get: entities += db.get(todo.key, todo.collection).has_value(); break;
        case work::put:
            db.put(std::move(input[0].first), std::move(input[0].second), todo.collection);
            entities += size;
            break;
        case work::put_all:
            db.put_all(std::move(input), todo.collection);
            entities += size;
            break;
        case work::get_all: entities += db.get_all(todo.collection).size(); break;
        case work::query:
            for ([[maybe_unused]] auto& row : db.query("", todo.collection)) ++entities;
            break;
        case work::other:
            todo.operation.call_blocking(db, todo.others);
            ++entities;
            break;
        }
    }
    todo.entities += entities;
}

void on_threads(std::size_t threads, const std::function<void()>& f) {
    std::vector<std::future<void>> others;
    while (others.size() + 1 < threads) others.push_back(std::async(std::launch::async, f));
    f();
    for (auto& other : others) other.get();
}

class client {
public:
    virtual ~client() = default;
    virtual void run(calls& todo) = 0;
};

class coroutine_client final : public client {
public:
    coroutine_client(const arguments& a, const std::string& connection_string,
                     const azkv::store_options& options)
        : context_(static_cast<int>(a.threads)), threads_(a.threads), in_flight_(a.in_flight),
          db_(azkv::store::from_connection_string(context_.get_executor(), connection_string, options)) {}

    void run(calls& todo) override {
        for (std::size_t i = 0; i < in_flight_; ++i)
            asio::co_spawn(context_, make(db_, todo), [](std::exception_ptr failure) {
                if (failure) std::rethrow_exception(failure);
            });
        on_threads(threads_, [this] { context_.run(); });
        context_.restart();
    }

private:
    asio::io_context context_;
    std::size_t threads_, in_flight_;
    azkv::store db_;
};

class blocking_client final : public client {
public:
    blocking_client(const arguments& a, const std::string& connection_string,
                    const azkv::store_options& options)
        : threads_(a.threads), db_(azkv::blocking_store::from_connection_string(connection_string, options)) {
    }

    void run(calls& todo) override {
        on_threads(threads_, [&] { make(db_, todo); });
    }

private:
    std::size_t threads_;
    azkv::blocking_store db_;
};

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

// tests/bench/instructions counts what is executed in here.
extern "C" [[gnu::noinline]] void azkv_bench_measured(void* c, void* todo) {
    static_cast<client*>(c)->run(*static_cast<calls*>(todo));
}

namespace {

void measure(client& c, const arguments& a) {
    calls warm_up(a, a.warm_up.value_or(a.count / 10));
    c.run(warm_up);

    calls todo(a, a.count);
    const azkv::bench::usage before;
    const double start = now();
    azkv_bench_measured(&c, &todo);
    const double wall = now() - start;
    const azkv::bench::usage after;
    const auto entities = static_cast<double>(todo.entities);
    if (entities < static_cast<double>(a.count)) throw std::runtime_error("not all entities are there");

    const double user = after.user - before.user;
    const double system = after.system - before.system;
    std::printf(
        "calls=%zu entities=%.0f seconds=%.3f per_second=%.0f cpu_us=%.3f user_us=%.3f system_us=%.3f "
        "max_rss_mb=%.1f\n",
        a.count, entities, wall, entities / wall, 1e6 * (user + system) / entities, 1e6 * user / entities,
        1e6 * system / entities, azkv::bench::peak_memory());
}

void run(const arguments& a) {
    azkv::bench::allow_many_connections();
    azkv::store_options options;
    options.max_connections(a.connections).max_waiting(a.in_flight);
    if (!a.ca_file.empty()) options.tls(azkv::tls_options().ca_file(a.ca_file));
    const std::string connection_string = account + ("TableEndpoint=" + a.url);
    if (a.blocking) {
        blocking_client c(a, connection_string, options);
        measure(c, a);
    } else {
        coroutine_client c(a, connection_string, options);
        measure(c, a);
    }
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app("What a call of azkv costs, at a server that costs nothing: run it by tests/bench/canned");
    app.set_version_flag("--version", BOOST_COMPILER ", Boost " BOOST_LIB_VERSION);
    app.add_option("work", a.what, "The operation to call; put_all with 100 pairs")
        ->required()
        ->check(CLI::IsMember(operations()));
    app.add_option("--count", a.count, "Calls to make")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--warm-up", a.warm_up, "Calls before, which are not measured (default: a tenth)");
    app.add_option("--in-flight", a.in_flight, "Coroutines that call at the same time")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--threads", a.threads, "Threads that run them; of callers, if --blocking")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_flag("--blocking", a.blocking, "Call a blocking_store, one call in flight for each thread");
    app.add_option("--connections", a.connections, "Connections at most")->capture_default_str();
    app.add_option("--collection", a.collection, "Decides what is answered: see canned")
        ->capture_default_str();
    app.add_option("--url", a.url, "Of the service, with the account; tests/bench/canned sets it")
        ->envname("AZKV_BENCH_URL")
        ->required();
    app.add_option("--ca-file", a.ca_file, "Certificates to trust, PEM")->envname("AZKV_BENCH_CA");
    CLI11_PARSE(app, argc, argv);
    try {
        run(a);
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::cerr << "azkv-network-bench: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
