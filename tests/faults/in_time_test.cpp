// An operation ends in time, whatever it waits for: when it is cancelled, when its deadline passes, and when
// its store is closed. It leaves nothing running.

#include "faults/silent_peer.hpp"
#include "faults/wait_points.hpp"
#include "support/run.hpp"
#include "support/sanitized.hpp"

#include <azkv/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto patience = sanitized ? 1000ms : 50ms;

store_options unhurried() {
    return store_options().timeout(1h).connect_timeout(1h).attempt_timeout(1h).max_connections(1'000);
}

/// How much later than they should the operations ended.
class delays {
public:
    void add(steady_clock::duration d) { all_.push_back(d); }

    std::size_t count() const { return all_.size(); }

    /// The 99th percentile.
    steady_clock::duration p99() {
        std::ranges::sort(all_);
        return all_[all_.size() - 1 - all_.size() / 100];
    }

    void print(const char* what) {
        using ms = std::chrono::duration<double, std::milli>;
        const ms late = p99();
        const ms latest = all_.back();
        std::cout << what << ": " << count() << " times, late by " << late.count() << " ms (p99), "
                  << latest.count() << " ms (at most)\n";
    }

private:
    std::vector<steady_clock::duration> all_;
};

/// Several operations at one wait point.
class crowd {
public:
    crowd(const wait_point& p, store_options o) : point_(p), setup_(p.set(context, std::move(o))) {}

    int size() const { return point_.tries; }

    store& db() { return setup_.pooled.db; }

    std::size_t idle() const { return setup_.pooled.idle(); }

    /// Calls `act` after this delay.
    void later(steady_clock::duration d, std::function<void()> act) {
        auto timer = std::make_shared<asio::steady_timer>(context, d);
        timer->async_wait([timer, act = std::move(act)](auto) { act(); });
    }

    /// Begins one operation. `end` receives what it threw.
    void begin(std::function<void(std::exception_ptr)> end, asio::cancellation_slot slot = {}) {
        auto ended = [this, end = std::move(end)](std::exception_ptr f) {
            ++ended_;
            end(f);
        };
        asio::co_spawn(context, point_.run(db()), asio::bind_cancellation_slot(slot, std::move(ended)));
    }

    /// Runs until `size()` operations have ended and nothing of them is left.
    void finish() {
        while (ended_ < size()) REQUIRE(context.run_one() == 1);
        CHECK(setup_.pooled.in_use() == 0);
        if (setup_.port != 0) CHECK(connections_to(setup_.port) == setup_.pooled.idle());
        release_look_ups();
        context.run(); // returns: no work is left
        CHECK(setup_.pooled.in_use() == 0);
    }

    asio::io_context context;

private:
    const wait_point& point_;
    test_setup setup_;
    int ended_ = 0;
};

boost::system::error_code code_of(std::exception_ptr f) {
    try {
        if (f) std::rethrow_exception(f);
    } catch (const boost::system::system_error& e) {
        return e.code();
    }
    return {};
}

std::string text_of(std::exception_ptr f) {
    try {
        if (f) std::rethrow_exception(f);
    } catch (const std::exception& e) {
        return e.what();
    }
    return {};
}

bool outcome_unknown(std::exception_ptr f) {
    try {
        if (f) std::rethrow_exception(f);
    } catch (const error& e) {
        return e.outcome_unknown();
    } catch (const boost::system::system_error&) {
    }
    return false;
}

/// The measurements at all wait points, one after another.
struct measurement {
    const wait_point* at = nullptr;
    int slowness = 1; // how many times longer than usual operations may take to reach their wait point
    delays late;
    std::vector<std::string> away; // wait points that operations did not reach in that time

    /// Records that `n` of the operations reached this wait point: most should.
    void count_there(int n) {
        if (n <= at->tries / 2) away.push_back(at->name);
    }

    /// Records that `n` of the operations had an unknown outcome: most, or none, by their wait point.
    void count_unknown(int n) {
        if (at->may_be_applied)
            count_there(n);
        else if (n > 0 && at->is_sent_before)
            away.push_back(at->name); // its response was still on its way
        else
            CHECK(n == 0);
    }
};

/// Has `try_out` measured at every wait point. A busy machine is late now and then: only what is late three
/// times, with ever more time to reach its wait point, counts as late.
template <class F>
void measure(const char* what, F try_out) {
    for (int slowness : {1, 3, 9}) {
        measurement r;
        r.slowness = slowness;
        for (const wait_point& p : all_wait_points()) {
            INFO(p.name);
            r.at = &p;
            try_out(p, r);
        }
        r.late.print(what);
        CHECK(r.late.count() >= 1'000);
        if (slowness < 9 && (r.late.p99() >= patience || !r.away.empty())) continue;
        CHECK(r.late.p99() < patience);
        for (const std::string& name : r.away) FAIL_CHECK("operations did not get to their place: " << name);
        return;
    }
}

} // namespace

TEST_CASE("a cancelled operation ends at once at any wait point") {
    measure("cancelled", [](const wait_point& p, measurement& r) {
        crowd c(p, unhurried());
        std::deque<asio::cancellation_signal> signals;
        for (int i = 0; i < c.size(); ++i) {
            asio::cancellation_signal& signal = signals.emplace_back();
            auto cancelled = std::make_shared<steady_clock::time_point>(steady_clock::time_point::max());
            c.begin(
                [&r, cancelled](std::exception_ptr f) {
                    r.late.add(steady_clock::now() - *cancelled);
                    CHECK(*cancelled != steady_clock::time_point::max());
                    CHECK(code_of(f) == asio::error::operation_aborted);
                },
                signal.slot());
            // The last first: in a queue, they are cancelled while the first holds what they wait for.
            c.later(r.slowness * 30ms + (c.size() - i) * 300us, [&signal, cancelled] {
                *cancelled = steady_clock::now();
                signal.emit(asio::cancellation_type::terminal);
            });
        }
        c.finish();
    });
}

TEST_CASE("an operation ends when its deadline passes at any wait point") {
    measure("past the deadline", [](const wait_point& p, measurement& r) {
        const auto time =
            r.slowness * (p.tries < 10 ? 250ms : 25ms); // large requests take a while to get there
        crowd c(p, unhurried().timeout(time));
        int at_the_place = 0;
        int may_be_applied = 0;
        for (int i = 0; i < c.size(); ++i)
            c.later(i / 10 * 3ms, [&, time] {
                const auto deadline = steady_clock::now() + time;
                c.begin([&, deadline](std::exception_ptr f) {
                    r.late.add(steady_clock::now() - deadline);
                    CHECK(code_of(f) == condition::transient);
                    if (!p.gives_up) CHECK(code_of(f) == errc::timed_out);
                    if (contains(text_of(f), p.doing)) ++at_the_place;
                    if (outcome_unknown(f)) ++may_be_applied;
                });
            });
        c.finish();
        r.count_there(at_the_place);
        r.count_unknown(may_be_applied);
    });
}

TEST_CASE("a closed store ends its operations at once at any wait point") {
    measure("closed", [](const wait_point& p, measurement& r) {
        crowd c(p, unhurried());
        auto closed = steady_clock::time_point::max();
        int may_be_applied = 0;
        int closings = 0;
        for (int i = 0; i < c.size(); ++i)
            c.begin([&](std::exception_ptr f) {
                r.late.add(steady_clock::now() - closed);
                CHECK(closed != steady_clock::time_point::max());
                CHECK(code_of(f) == errc::closed);
                if (outcome_unknown(f)) ++may_be_applied;
            });
        c.later(r.slowness * 60ms, [&] {
            closed = steady_clock::now();
            asio::co_spawn(c.context, c.db().close(0ms), [&](std::exception_ptr f, bool by_themselves) {
                CHECK(!f);
                CHECK_FALSE(by_themselves);
                ++closings;
            });
        });
        c.finish();
        CHECK(closings == 1);
        CHECK(c.idle() == 0);
        r.count_unknown(may_be_applied);
        CHECK(failure_of([&] { run(c.context, p.run(c.db())); }).code() == errc::closed);
    });
}
