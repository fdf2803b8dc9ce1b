// Every operation, while one of its allocations fails: the first, the second, ... Each failure happens in a
// process of its own, so that its end, a crash and a hang are told apart. The service is in another.
//
//   azkv-allocation-tests [STEP]    tries every STEP-th allocation (default: 7), beginning at another for
//   each
//                                   operation. The variable AZKV_ALLOCATION_STEP does the same.
//
// It replaces the functions that allocate, as the sanitizers do: so it is not built with them.

#include "faults/pooled_store.hpp"
#include "support/all_operations.hpp"
#include "support/emulator_process.hpp"
#include "support/fixtures.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <new>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

long left = 0; // allocations until the one that fails; 0: none does
bool failed = false;
bool was_asios = false; // the memory

bool fails() {
    if (left == 0 || --left > 0) return false;
    failed = true;
    return true;
}

void* allocate(std::size_t size) {
    void* const p = fails() ? nullptr : std::malloc(size);
    if (!p) throw std::bad_alloc();
    return p;
}

void* allocate(std::size_t size, std::align_val_t alignment) {
    void* p = nullptr;
    if (fails() || posix_memalign(&p, static_cast<std::size_t>(alignment), size) != 0) throw std::bad_alloc();
    return p;
}

} // namespace

void* operator new(std::size_t size) {
    return allocate(size);
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}

void operator delete(void* p) noexcept {
    std::free(p);
}

void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}

void operator delete(void* p, std::align_val_t) noexcept {
    std::free(p);
}

void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    std::free(p);
}

// What Asio takes for its operations and for coroutines.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    if (fails()) {
        was_asios = true;
        return nullptr;
    }
    void* p = nullptr;
    return posix_memalign(&p, alignment, size) == 0 ? p : nullptr;
}

namespace {

constexpr int keys = 10; // in each collection, p0 to p9
constexpr auto limit = 3s;

std::vector<std::pair<std::string, value>> pairs(int n) {
    std::vector<std::pair<std::string, value>> all;
    for (int i = 0; i < n; ++i) all.emplace_back("p" + std::to_string(i), numbered(i));
    return all;
}

/// An operation under test, in a collection of its own.
class trial {
public:
    /// Fills the collection, and learns what the operation returns, however often it is called.
    trial(const std::string& connection_string, const operation_sample& o, std::string name)
        : name(std::move(name)), call(o.call), call_blocking(o.call_blocking),
          arguments(o.in("c" + std::to_string(++collections))), reads_ahead(this->name == "read_ahead") {
        arguments.filter.clear();
        if (o.writes()) { // none of these keys is there
            arguments.key = "x y";
            arguments.v["a"] = "b c";
        }
        if (arguments.batch_size < arguments.pairs.size()) arguments.pairs = pairs(keys);
        auto db = blocking_store::from_connection_string(connection_string);
        db.put_all(pairs(keys), arguments.collection);
        for (const auto& [key, v] : o.before) db.put(key, v, arguments.collection);
        for (int i = 0; i < 2; ++i) result = call_blocking(db, arguments);
    }

    std::string name;
    asio::awaitable<std::string> (*call)(store, operation_arguments);
    std::string (*call_blocking)(blocking_store&, operation_arguments);
    operation_arguments arguments;
    std::string result;
    bool reads_ahead;

private:
    static inline int collections = 0;
};

asio::awaitable<std::string> close(store db, operation_arguments) {
    const bool all = co_await db.close(1s);
    co_return all ? "closed" : "somebody was inside";
}

std::string blocking_close(blocking_store& db, operation_arguments) {
    return db.close(1s) ? "closed" : "somebody was inside";
}

std::vector<trial> all_trials(const std::string& connection_string) {
    std::vector<trial> all;
    for (const operation_sample& o : all_operations())
        if (!o.makes_table) all.emplace_back(connection_string, o, o.name);
    all.emplace_back(connection_string, operation_named("query"), "read_ahead");
    operation_sample closing;
    closing.call = &close;
    closing.call_blocking = &blocking_close;
    all.emplace_back(connection_string, closing, "close");
    return all;
}

// What `emulator_process` starts.
int serve() {
    emulator service;
    fault_plan plan;
    plan.sometimes(1, fault::short_page(3));
    service.faults(plan);
    std::cout << service.connection_string() << std::endl;
    for (;;) pause(); // until it is killed
}

store_options options() {
    return store_options()
        .max_connections(2)
        .timeout(2s)
        .attempt_timeout(1s)
        .connect_timeout(1s)
        .max_attempts(1);
}

/// How a process of its own ends.
enum ending : int {
    right = 20,
    not_reached, // the operation makes fewer allocations
    hung,
    lost, // its coroutine was destroyed before it ended
    thrown_at_run,
    wrong_afterwards,
    broken_afterwards,
    not_empty,
};

const char* name_of(int e) {
    switch (e) {
    case right: return "right";
    case hung: return "HUNG";
    case lost: return "LOST";
    case thrown_at_run: return "THROWN AT RUN";
    case wrong_afterwards: return "WRONG VALUE AFTERWARDS";
    case broken_afterwards: return "BROKEN AFTERWARDS";
    case not_empty: return "SOMEBODY INSIDE AFTERWARDS";
    default: return "CRASHED";
    }
}

class run_state {
public:
    bool gone = false;  // its frame is
    bool ended = false; // by itself
    std::exception_ptr failure;
};

asio::awaitable<void> watch(asio::awaitable<void> op, run_state& s) {
    class frame {
    public:
        explicit frame(run_state& s) : state(s) {}

        ~frame() { state.gone = true; }

        run_state& state;
    };

    const frame here(s);
    try {
        co_await std::move(op);
    } catch (...) {
        s.failure = std::current_exception();
    }
    s.ended = true;
}

const trial& trial_named(const std::vector<trial>& all, std::string_view name) {
    for (const trial& t : all)
        if (t.name == name) return t;
    throw std::logic_error("no trial of this name: " + std::string(name));
}

asio::awaitable<void> perform(const trial& t, store db) {
    operation_arguments a = t.arguments;
    const std::string result = co_await t.call(std::move(db), std::move(a));
    if (result != t.result) throw std::logic_error("wrong result");
}

/// One operation on a context, while the `n`th allocation fails.
class async_trial {
public:
    async_trial(const std::string& connection_string, const std::vector<trial>& all, const trial& what)
        : what_(what), get_(trial_named(all, "get")), close_(trial_named(all, "close")),
          store_(context_.get_executor(), connection_string, options().read_ahead(what.reads_ahead)) {}

    int run(long n, bool warm) {
        if (warm) {
            run_state s;
            begin(get_, s);
            finish(s);
        }
        run_state tried;
        left = n;
        begin(what_, tried);
        finish(tried);
        left = 0;
        if (!failed) return not_reached;
        if (!tried.gone) return hung;
        if (!tried.ended) return lost;
        if (!what_.reads_ahead && store_.in_use() != 0) return not_empty; // it has left something behind
        if (is_logic_error(tried.failure)) return wrong_afterwards;
        if (&what_ != &close_) {
            for (int i = 0; i < 4; ++i) { // twice as many as there are connections
                run_state s;
                begin(get_, s);
                finish(s);
                if (!s.ended) return hung;
                if (is_logic_error(s.failure)) return wrong_afterwards;
                if (s.failure) return broken_afterwards;
            }
            if (store_.in_use() != 0) return not_empty;
            run_state s;
            begin(close_, s);
            finish(s);
            if (!s.ended || s.failure) return not_empty;
        }
        // Asio throws where it cannot end a coroutine of `co_spawn`, or hand one over to another executor.
        return thrown_ && !was_asios ? thrown_at_run : right;
    }

private:
    void begin(const trial& what, run_state& s) {
        try {
            asio::co_spawn(context_, watch(perform(what, store_.db), s), [](std::exception_ptr) {});
        } catch (const std::bad_alloc&) { // it did not begin
            s.gone = s.ended = true;
        }
    }

    void finish(run_state& s) {
        const auto end = steady_clock::now() + limit;
        while (steady_clock::now() < end) {
            context_.restart();
            try {
                const std::size_t n = context_.run_one_until(end);
                if (n == 0) break; // nothing is left
            } catch (const std::bad_alloc&) {
                thrown_ = thrown_ || !s.gone; // else it is what this test does with the end of it
            }
            if (s.gone) break;
        }
    }

    static bool is_logic_error(std::exception_ptr e) {
        try {
            if (e) std::rethrow_exception(e);
        } catch (const std::logic_error&) {
            return true;
        } catch (...) {
        }
        return false;
    }

    asio::io_context context_{1};
    const trial& what_;
    const trial& get_;
    const trial& close_;
    pooled_store store_;
    bool thrown_ = false;
};

int blocking_trial(const std::string& connection_string, const std::vector<trial>& all, const trial& what,
                   long n, bool warm) {
    auto db = blocking_store::from_connection_string(connection_string, options());
    const trial& get = trial_named(all, "get");
    if (warm) get.call_blocking(db, get.arguments);
    bool wrong = false;
    left = n;
    try {
        wrong = what.call_blocking(db, what.arguments) != what.result;
    } catch (const std::bad_alloc&) {
    } catch (const error&) {
    }
    left = 0;
    if (!failed) return not_reached;
    if (what.name == "close") return right;
    if (wrong) return wrong_afterwards;
    for (int i = 0; i < 4; ++i) {
        try {
            if (get.call_blocking(db, get.arguments) != get.result) return wrong_afterwards;
        } catch (const std::exception&) {
            return broken_afterwards;
        }
    }
    return db.close(500ms) ? right : not_empty;
}

/// What became of one operation.
class row {
public:
    row(std::string connection_string, const std::vector<trial>& all, const trial& what, bool blocking,
        bool warm)
        : connection_string_(std::move(connection_string)), all_(all), what_(what), blocking_(blocking),
          warm_(warm) {}

    /// Whether all was right.
    bool run(long first, long step) {
        long n = first;
        int e = attempt(n);
        for (; e != not_reached; e = attempt(n += step)) {
            std::vector<long>& at = places_[e];
            at.push_back(n);
        }
        std::size_t tried = 0;
        for (const auto& [ending, at] : places_) tried += at.size();
        std::cout << (blocking_ ? "blocking " : "async    ") << what_.name << (warm_ ? ", warm" : ", cold")
                  << ": " << tried << " of its " << n - 1 << " allocations failed, " << places_[right].size()
                  << " right";
        for (const auto& [ending, at] : places_) {
            if (ending == right) continue;
            std::cout << "; " << (ending < 0 ? "SIGNAL " + std::to_string(-ending) : name_of(ending)) << ':';
            for (std::size_t i = 0; i < at.size() && i < 20; ++i) std::cout << ' ' << at[i];
            if (at.size() > 20) std::cout << " .. (" << at.size() << ')';
        }
        std::cout << std::endl;
        return places_[right].size() == tried;
    }

private:
    int attempt(long n) const {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            _exit(blocking_ ? blocking_trial(connection_string_, all_, what_, n, warm_)
                            : async_trial(connection_string_, all_, what_).run(n, warm_));
        }
        int status = 0;
        waitpid(child, &status, 0);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }

    const std::string connection_string_;
    const std::vector<trial>& all_;
    const trial& what_;
    const bool blocking_, warm_;
    std::map<int, std::vector<long>> places_; // how it ended, and when
};

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && argv[1] == std::string_view("--port")) return serve();
    const char* const set = argc > 1 ? argv[1] : std::getenv("AZKV_ALLOCATION_STEP");
    const long step = set ? std::strtol(set, nullptr, 10) : 7;
    const std::string only = argc > 2 ? argv[2] : ""; // of the operations
    if (argc > 5) {                                   // one failure, in this process: for a debugger
        const bool warm = argv[4] == std::string_view("warm");
        const long n = std::strtol(argv[5], nullptr, 10);
        const std::string at = std::getenv("AZKV_CONNECTION_STRING");
        const std::vector<trial> all = all_trials(at);
        const trial& what = trial_named(all, only);
        std::cout << (argv[3] == std::string_view("blocking") ? blocking_trial(at, all, what, n, warm)
                                                              : async_trial(at, all, what).run(n, warm))
                  << std::endl;
        return 0;
    }
    emulator_process service("/proc/self/exe");
    const std::vector<trial> all = all_trials(service.connection_string());
    bool all_right = true;
    long first = 1;
    for (const bool blocking : {false, true}) {
        for (const trial& what : all) {
            if (!only.empty() && only != what.name) continue;
            if (argc > 3 && blocking != (argv[3] == std::string_view("blocking"))) continue;
            for (const bool warm : {false, true}) {
                row r(service.connection_string(), all, what, blocking, warm);
                const bool right = r.run(first, step);
                all_right = all_right && right;
                first = first % step + 1;
            }
        }
    }
    return all_right ? 0 : 1;
}
