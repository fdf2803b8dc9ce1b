#include "protocol/pace.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

using namespace azkv::protocol;
using namespace std::chrono_literals;
using time_point = pace::time_point;
using duration = pace::duration;

namespace {

/// What a partition of the service accepts, in virtual time.
class limit {
public:
    explicit limit(double rate) : rate(rate) {}

    virtual ~limit() = default;
    virtual bool accepts(double cost, time_point now) = 0;

    double rate; // entities per second
};

/// This many in each second of the clock.
class window final : public limit {
public:
    using limit::limit;

    bool accepts(double cost, time_point now) override {
        const auto second = std::chrono::floor<std::chrono::seconds>(now);
        if (second != second_) taken_ = 0;
        second_ = second;
        if (taken_ + cost > rate) return false;
        taken_ += cost;
        return true;
    }

private:
    std::chrono::time_point<pace::clock, std::chrono::seconds> second_;
    double taken_ = 0;
};

/// Saves at most a tenth of a second's worth.
class bucket final : public limit {
public:
    using limit::limit;

    bool accepts(double cost, time_point now) override {
        const double since = std::chrono::duration<double>(now - last_).count();
        tokens_ = std::min(rate / 10, tokens_ + since * rate);
        last_ = now;
        if (tokens_ < cost) return false;
        tokens_ -= cost;
        return true;
    }

private:
    time_point last_;
    double tokens_ = 0;
};

/// Callers in a closed loop at one partition, through a pace that is created and dropped as in the store.
class world {
public:
    world(limit& l, int callers, duration latency, std::size_t cost = 1)
        : limit_(l), latency_(latency), cost_(cost), calls(static_cast<std::size_t>(callers)) {
        for (int i = 0; i < callers; ++i) {
            calls[static_cast<std::size_t>(i)] = std::make_unique<call>(cost);
            at(now + std::chrono::microseconds(random_() % 5000),
               [this, &c = *calls[static_cast<std::size_t>(i)]] { begin(c); });
        }
    }

    world(const world&) = delete;
    world& operator=(const world&) = delete;

    ~world() {
        for (const auto& c : calls)
            if (p) p->leave(*c, now);
    }

    void run_until(time_point end) {
        while (!events_.empty() && events_.top().time <= end) {
            const event e = events_.top();
            events_.pop();
            now = e.time;
            e.what();
        }
        now = end;
    }

    class call : public pace::call {
    public:
        using pace::call::call;

        time_point begun;
        int done = 0;
    };

    time_point now{1000s};
    duration hint{0};
    int accepted = 0, refused = 0;
    std::vector<duration> times;
    std::unique_ptr<pace> p;

private:
    class event {
    public:
        bool operator<(const event& o) const { return std::pair(time, number) > std::pair(o.time, o.number); }

        time_point time;
        long number;
        std::function<void()> what;
    };

    void at(time_point t, std::function<void()> f) { events_.push({t, ++events_made_, std::move(f)}); }

    void begin(call& c) {
        c.begun = now;
        if (!p) {
            c.sent(now);
            return send(c);
        }
        p->join(c);
        pump();
    }

    void send(call& c) {
        at(now + latency_ / 2, [this, &c] {
            const bool ok = limit_.accepts(static_cast<double>(cost_), now);
            at(now + latency_ / 2, [this, &c, ok] { answer(c, ok); });
        });
    }

    void answer(call& c, bool ok) {
        if (ok) {
            ++accepted;
            ++c.done;
            times.push_back(now - c.begun);
            if (p) p->accepted(c, now);
            at(now + 30us, [this, &c] { begin(c); });
        } else {
            ++refused;
            if (!p) p = std::make_unique<pace>(now);
            p->refused(c, hint, now);
            p->join(c);
        }
        pump();
    }

    void pump() {
        if (!p) return;
        while (pace::call* const next = p->next(now)) send(static_cast<call&>(*next));
        if (p->is_over(now)) return p.reset();
        const time_point t = p->when_next();
        if (t == time_point::max() || (t >= armed_ && armed_ > now)) return;
        armed_ = t;
        at(t, [this, t] {
            if (armed_ == t) pump();
        });
    }

    limit& limit_;
    duration latency_;
    std::size_t cost_;
    std::minstd_rand random_{1};
    std::priority_queue<event> events_;
    long events_made_ = 0;
    time_point armed_;

public:
    std::vector<std::unique_ptr<call>> calls;
};

} // namespace

namespace {

class measured {
public:
    double accepted = 0, refused = 0; // per second
    duration slowest_of_99{0};
    int least = 0, most = 0; // calls per caller
};

measured measure(limit& l, int callers, duration latency, duration hint = 0ms) {
    world w(l, callers, latency);
    w.hint = hint;
    w.run_until(w.now + 30s);
    measured m;
    m.accepted = w.accepted / 30.0;
    m.refused = w.refused / 30.0;
    const auto at = w.times.begin() + static_cast<std::ptrdiff_t>(w.times.size() * 99 / 100);
    std::ranges::nth_element(w.times, at);
    m.slowest_of_99 = *at;
    const auto [least, most] =
        std::ranges::minmax_element(w.calls, {}, [](const auto& c) { return c->done; });
    m.least = (*least)->done;
    m.most = (*most)->done;
    return m;
}

} // namespace

TEST_CASE("the capacity of the service is used with hardly a request rejected") {
    class expected {
    public:
        int callers;
        duration latency;
        bool windows;
        duration hint;
        double accepted, refused;
        duration slowest_of_99;
    };

    for (const expected& e : {
             expected{64, 5ms, false, 0ms, 2005, 3.1, 43ms},
             expected{512, 5ms, false, 0ms, 2005, 17.9, 274ms},
             expected{64, 5ms, true, 0ms, 1994, 13, 74ms},
             expected{512, 5ms, true, 0ms, 1996, 29, 339ms},
             expected{64, 200us, true, 0ms, 1994, 4.5, 101ms},
             expected{1, 200us, true, 1s, 1992, 1.1, 490us},
             expected{64, 5ms, true, 1s, 1955, 13, 242ms},
             expected{512, 5ms, true, 1s, 1960, 26, 685ms},
         }) {
        CAPTURE(e.callers);
        CAPTURE(e.windows);
        window w(2000);
        bucket b(2000);
        const measured m = measure(e.windows ? static_cast<limit&>(w) : b, e.callers, e.latency, e.hint);
        INFO(e.callers, " callers: ", m.accepted, " accepted, ", m.refused, " refused a second, p99 ",
             std::chrono::duration<double, std::milli>(m.slowest_of_99).count(), " ms, calls of a caller ",
             m.least, " to ", m.most);
        CHECK(m.accepted == doctest::Approx(e.accepted).epsilon(0.05));
        CHECK(m.refused <= e.refused * 1.05);
        CHECK(m.slowest_of_99 <= e.slowest_of_99 * 1.05);
        CHECK(m.most - m.least <= std::max(2.0, m.most * 0.03));
    }
}

TEST_CASE("a limit that rises is soon used") {
    for (const bool windows : {false, true}) {
        window w(500);
        bucket b(500);
        limit& l = windows ? static_cast<limit&>(w) : b;
        world one(l, 64, 5ms);
        one.run_until(one.now + 10s);
        l.rate = 4000;
        const time_point raised = one.now;
        for (int before = 0; one.now < raised + 10s;) {
            before = one.accepted;
            one.run_until(one.now + 100ms);
            if (one.accepted - before >= 360) break;
        }
        CHECK(one.now - raised <= 3500ms);
    }
}

TEST_CASE("transactions are sent whole and pay afterwards") {
    for (const std::size_t cost : {25u, 100u}) {
        bucket b(2000);
        world w(b, 8, 5ms, cost);
        w.run_until(w.now + 30s);
        CHECK(static_cast<double>(w.accepted) * static_cast<double>(cost) / 30 > 1850);
        CHECK(w.refused < 30 * 30);
    }
}

TEST_CASE("after an outage all calls resume at once and the pace ends") {
    class outage final : public limit {
    public:
        using limit::limit;

        bool accepts(double, time_point) override { return rate > 0; }
    };

    outage o(0);
    world w(o, 64, 5ms);
    w.run_until(w.now + 10s);
    CHECK(w.refused < 64 + 10 * 12);
    CHECK(w.accepted == 0);
    o.rate = 1;
    w.run_until(w.now + 110ms);
    CHECK(w.accepted > 64);
    CHECK_FALSE(w.p);
}

TEST_CASE("the rate grows from nine tenths of the rejected rate to twice that rate in three seconds") {
    const time_point start(1000s);
    pace p(start);
    pace::call c(1);
    c.sent(start);
    CHECK(p.refused(c, 0ms, start));
    p.join(c);
    CHECK(p.rate(start) == doctest::Approx(1800));
    CHECK(p.next(start) == nullptr);
    CHECK(p.when_next() == start + 10ms);
    REQUIRE(p.next(start + 10ms) == &c);
    p.accepted(c, start + 15ms);
    const auto after = [&](duration t) { return p.rate(start + 15ms + t); };
    CHECK(after(0s) == doctest::Approx(1800));
    CHECK(after(1s) == doctest::Approx(2000));
    CHECK(after(2s) == doctest::Approx(2200));
    CHECK(after(2400ms) == doctest::Approx(4400));
    CHECK(after(1h) == doctest::Approx(1e7));
}

TEST_CASE("only refusals with new information close the pace for longer") {
    const time_point start(1000s);
    pace p(start);
    pace::call early(1), late(1), next(1);
    early.sent(start);
    late.sent(start);
    CHECK(p.refused(early, 0ms, start + 5ms));
    p.join(early);
    CHECK_FALSE(p.refused(late, 0ms, start + 6ms));
    p.join(late); // it was sent before the first refusal
    CHECK(p.paused_until() == start + 15ms);
    CHECK(p.waiting() == 2);
    p.join(next); // after both
    for (const duration pause : {20ms, 40ms, 80ms, 100ms, 100ms}) {
        const time_point now = p.paused_until();
        CHECK(p.next(now - 1ns) == nullptr);
        REQUIRE(p.next(now) == &late); // keeps its place
        CHECK(p.next(now) == nullptr); // one at a time
        CHECK(p.when_next() == now + 1s);
        CHECK_FALSE(p.refused(late, 0ms, now + 1ms));
        p.join(late);
        CHECK(p.paused_until() == now + 1ms + pause);
    }
    const time_point now = p.paused_until();
    REQUIRE(p.next(now) == &late);
    p.leave(late, now); // lost or cancelled
    REQUIRE(p.next(now) == &early);
    p.accepted(early, now + 1ms);
    REQUIRE(p.next(now + 2ms) == &next);
    p.accepted(next, now + 3ms);
    CHECK_FALSE(p.is_over(now + 900ms));
    CHECK(p.is_over(now + 1100ms));
}

TEST_CASE("a call that has too little time left is not sent") {
    const time_point start(1000s);
    pace p(start);
    pace::call c(1), short_of_time(1), patient(1);
    c.sent(start - 20ms);
    CHECK(p.leaving_time(start, start + 1s) == start + 1s); // nothing is measured yet
    p.refused(c, 0ms, start);
    p.join(c);
    p.join(short_of_time, start + 10ms);
    p.join(patient, start + 1s);
    REQUIRE(p.next(start + 10ms) == &c);
    p.accepted(c, start + 30ms);
    CHECK(p.leaving_time(start, start + 1s) == start + 975ms); // requests take 20 ms
    CHECK(p.leaving_time(start, start + 30ms) == start + 15ms);
    CHECK(p.next(start + 31ms) == &patient);
    CHECK_FALSE(short_of_time.is_in_line());
    p.leave(patient, start + 500ms, true);
    CHECK(p.leaving_time(start, start + 1s) < start + 974ms); // abandoned: longer than estimated
}

namespace {

/// A call that was rejected, and one after it.
class two_in_line {
public:
    two_in_line() {
        hangs.sent(start);
        p.refused(hangs, 0ms, start);
        p.join(hangs);
        p.join(next);
    }

    const time_point start{1000s};
    pace p{start};
    pace::call hangs{1}, next{1};
};

} // namespace

TEST_CASE_FIXTURE(two_in_line, "a hanging try does not keep the others from trying") {
    REQUIRE(p.next(start + 10ms) == &hangs);
    CHECK(p.next(start + 500ms) == nullptr);
    CHECK(p.when_next() == start + 1010ms);
    REQUIRE(p.next(start + 1010ms) == &next);
    p.accepted(next, start + 1020ms);
    p.leave(hangs, start + 40s, true);
}

TEST_CASE_FIXTURE(two_in_line, "a refusal after an outage closes the pace as before") {
    pace::call third(1);
    REQUIRE(p.next(start + 3s) == &hangs);
    REQUIRE(p.next(start + 4s) == &next); // the first hangs
    p.accepted(hangs, start + 5s);        // so it was an outage
    p.join(third);
    REQUIRE(p.next(start + 5s) == &third);
    CHECK_FALSE(p.is_over(start + 5s)); // a try is under way
    CHECK(p.refused(third, 0ms, start + 6s));
    p.join(third);
    p.leave(next, start + 6s);
    CHECK(p.next(start + 6009ms) == nullptr);
    CHECK(p.next(start + 6010ms) == &third);
}

TEST_CASE("the rate does not grow while nothing is accepted") {
    const time_point start(1000s);
    pace p(start);
    pace::call c(1);
    c.sent(start);
    p.refused(c, 100s, start);
    CHECK(p.rate(start + 9s) == doctest::Approx(1800));
}

TEST_CASE("a requested pause is kept even without waiting calls and is not an outage") {
    const time_point start(1000s);
    pace p(start);
    pace::call c(1), other(1);
    c.sent(start);
    p.refused(c, 60s, start);
    p.leave(c, start); // it has no second attempt
    CHECK(p.paused_until() == start + 6s);
    CHECK_FALSE(p.is_over(start + 5900ms));
    p.join(other);
    CHECK(p.next(start + 5900ms) == nullptr);
    REQUIRE(p.next(start + 6s) == &other);
    CHECK_FALSE(p.is_over(start + 6500ms)); // one is in flight
    p.accepted(other, start + 6500ms);
    CHECK_FALSE(p.is_over(start + 6600ms)); // the rate is known now
    CHECK(p.rate(start + 6500ms) == doctest::Approx(1800));
}
