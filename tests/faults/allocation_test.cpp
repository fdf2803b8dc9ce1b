// Every operation, while one of its allocations fails: the first, the second, ... Each failure happens in a
// process of its own, so that its end, a crash and a hang are told apart. The service is in another.
//
//   azkv-allocation-tests [STEP]    tries every STEP-th allocation (default: 7), beginning at another for
//   each
//                                   operation. The variable AZKV_ALLOCATION_STEP does the same.
//
// It replaces the functions that allocate, as the sanitizers do: so it is not built with them.

#include "faults/pooled_store.hpp"
#include "support/emulator_process.hpp"

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

constexpr int keys = 10; // in the table, p0 to p9
constexpr auto limit = 3s;

std::vector<std::pair<std::string, value>> pairs(int n) {
    std::vector<std::pair<std::string, value>> all;
    for (int i = 0; i < n; ++i) {
        value v;
        v["n"] = i;
        all.emplace_back("p" + std::to_string(i), std::move(v));
    }
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

asio::awaitable<void> perform(std::string what, store db) {
    if (what == "put") {
        value v;
        v["a"] = "b c";
        co_await db.put("x y", std::move(v));
    } else if (what == "get") {
        const std::optional<value> v = co_await db.get("p1");
        if (!v || v->at("n") != 1) throw std::logic_error("wrong value");
    } else if (what == "erase") {
        const bool there = co_await db.erase("never there");
        if (there) throw std::logic_error("wrong answer");
    } else if (what == "get_all") {
        const std::map<std::string, value> all = co_await db.get_all();
        if (all.size() < keys) throw std::logic_error("rows are missing");
    } else if (what == "query" || what == "read_ahead") {
        std::size_t rows = 0;
        auto all = db.query("");
        while (auto e = co_await all.next()) ++rows;
        if (rows < keys) throw std::logic_error("rows are missing");
    } else if (what == "put_all") {
        auto some = pairs(keys);
        co_await db.put_all(std::move(some), "data", 2);
    } else if (what == "close") {
        const bool all = co_await db.close(1s);
        if (!all) throw std::logic_error("somebody was inside");
    }
}

void perform(const std::string& what, blocking_store& db) {
    if (what == "put") {
        value v;
        v["a"] = "b c";
        db.put("x y", std::move(v));
    } else if (what == "get") {
        static_cast<void>(db.get("p1"));
    } else if (what == "erase") {
        db.erase("never there");
    } else if (what == "get_all") {
        static_cast<void>(db.get_all());
    } else if (what == "query" || what == "read_ahead") {
        for (const entry& e : db.query("")) static_cast<void>(e);
    } else if (what == "put_all") {
        db.put_all(pairs(keys), "data", 2);
    } else if (what == "close") {
        db.close(1s);
    }
}

/// One operation on a context, while the `n`th allocation fails.
class async_trial {
public:
    async_trial(const std::string& connection_string, std::string what)
        : what_(std::move(what)),
          store_(context_.get_executor(), connection_string, options().read_ahead(what_ == "read_ahead")) {}

    int run(long n, bool warm) {
        if (warm) {
            run_state s;
            begin("get", s);
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
        if (what_ != "read_ahead" && store_.in_use() != 0) return not_empty; // it has left something behind
        if (is_logic_error(tried.failure)) return wrong_afterwards;
        if (what_ != "close") {
            for (int i = 0; i < 4; ++i) { // twice as many as there are connections
                run_state s;
                begin("get", s);
                finish(s);
                if (!s.ended) return hung;
                if (is_logic_error(s.failure)) return wrong_afterwards;
                if (s.failure) return broken_afterwards;
            }
            if (store_.in_use() != 0) return not_empty;
            run_state s;
            begin("close", s);
            finish(s);
            if (!s.ended || s.failure) return not_empty;
        }
        // Asio throws where it cannot end a coroutine of `co_spawn`, or hand one over to another executor.
        return thrown_ && !was_asios ? thrown_at_run : right;
    }

private:
    void begin(const std::string& what, run_state& s) {
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
    const std::string what_;
    pooled_store store_;
    bool thrown_ = false;
};

int blocking_trial(const std::string& connection_string, const std::string& what, long n, bool warm) {
    auto db = blocking_store::from_connection_string(connection_string, options());
    if (warm) static_cast<void>(db.get("p1"));
    left = n;
    try {
        perform(what, db);
    } catch (const std::bad_alloc&) {
    } catch (const error&) {
    }
    left = 0;
    if (!failed) return not_reached;
    if (what == "close") return right;
    for (int i = 0; i < 4; ++i) {
        try {
            const std::optional<value> v = db.get("p1");
            if (!v || v->at("n") != 1) return wrong_afterwards;
        } catch (const std::exception&) {
            return broken_afterwards;
        }
    }
    return db.close(500ms) ? right : not_empty;
}

/// What became of one operation.
class row {
public:
    row(std::string connection_string, std::string what, bool blocking, bool warm)
        : connection_string_(std::move(connection_string)), what_(std::move(what)), blocking_(blocking),
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
        std::cout << (blocking_ ? "blocking " : "async    ") << what_ << (warm_ ? ", warm" : ", cold") << ": "
                  << tried << " of its " << n - 1 << " allocations failed, " << places_[right].size()
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
            _exit(blocking_ ? blocking_trial(connection_string_, what_, n, warm_)
                            : async_trial(connection_string_, what_).run(n, warm_));
        }
        int status = 0;
        waitpid(child, &status, 0);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }

    const std::string connection_string_, what_;
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
        std::cout << (argv[3] == std::string_view("blocking") ? blocking_trial(at, only, n, warm)
                                                              : async_trial(at, only).run(n, warm))
                  << std::endl;
        return 0;
    }
    emulator_process service("/proc/self/exe");
    { blocking_store::from_connection_string(service.connection_string()).put_all(pairs(keys)); }
    bool all_right = true;
    long first = 1;
    for (const bool blocking : {false, true}) {
        for (const char* const what :
             {"put", "get", "erase", "get_all", "query", "read_ahead", "put_all", "close"}) {
            if (!only.empty() && only != what) continue;
            if (argc > 3 && blocking != (argv[3] == std::string_view("blocking"))) continue;
            for (const bool warm : {false, true}) {
                row r(service.connection_string(), what, blocking, warm);
                const bool right = r.run(first, step);
                all_right = all_right && right;
                first = first % step + 1;
            }
        }
    }
    return all_right ? 0 : 1;
}
