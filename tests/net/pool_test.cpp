#include "net/pool.hpp"
#include "support/run.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::net;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::run;

namespace {

/// A connection without a network.
class idle_connection final : public connection {
public:
    explicit idle_connection(const protocol::authority& to) : to_(to) {}

    asio::awaitable<void> run(exchange&, steady_clock::time_point) override { co_return; }

    void interrupt(boost::system::error_code why) override { interrupted = why; }

    void close() override {
        open = false;
        usable_until_ = {};
    }

    const protocol::authority& to() const override { return to_; }

    bool used() const override { return true; }

    steady_clock::time_point usable_until() const override { return usable_until_; }

    void expire() { usable_until_ = {}; }

    boost::system::error_code interrupted;
    bool open = true;

private:
    protocol::authority to_;
    steady_clock::time_point usable_until_ = steady_clock::now() + 1h;
};

class fixture {
public:
    explicit fixture(std::size_t max) : fixture(pool::limits(max)) {}

    explicit fixture(const pool::limits& l) {
        here.host = "here";
        there.host = "there";
        connections =
            std::make_shared<pool>(context.get_executor(), l, [this](const protocol::authority& to) {
                ++made;
                auto c = std::make_shared<idle_connection>(to);
                last = c;
                return c;
            });
    }

    pooled_connection acquire(const protocol::authority& to) {
        return run(context, connections->acquire(to, steady_clock::now() + 1h));
    }

    void keep(pooled_connection l) { l.mark_reusable(); }

    asio::io_context context;
    protocol::authority here, there;
    int made = 0;
    std::shared_ptr<idle_connection> last;
    std::shared_ptr<pool> connections;
};

} // namespace

TEST_CASE("connections are opened on demand and reused most recent first") {
    fixture f(3);
    CHECK(f.made == 0);
    {
        pooled_connection a = f.acquire(f.here);
        pooled_connection b = f.acquire(f.here);
        CHECK(f.made == 2);
        CHECK(f.connections->in_use() == 2);
        const auto* const second = b.operator->();
        f.keep(std::move(a));
        f.keep(std::move(b));
        CHECK(f.connections->in_use() == 0);
        CHECK(f.connections->idle() == 2);
        pooled_connection c = f.acquire(f.here);
        CHECK(c.operator->() == second);
        CHECK(f.made == 2);
    }
    CHECK(f.connections->idle() == 1); // reuse() was not called
    CHECK(f.connections->in_use() == 0);
}

TEST_CASE("a connection is reused only for its own destination") {
    fixture f(2);
    f.keep(f.acquire(f.here));
    f.keep(f.acquire(f.there));
    CHECK(f.made == 2);
    CHECK(f.acquire(f.here)->to() == f.here);
    CHECK(f.made == 2);
    f.keep(f.acquire(f.here)); // the old one was not kept
    CHECK(f.made == 3);
    CHECK(f.connections->idle() == 2);
    protocol::authority third;
    third.host = "third";
    const pooled_connection l = f.acquire(third); // replaces an idle one
    CHECK(f.connections->idle() == 1);
    CHECK(f.connections->in_use() == 1);
}

TEST_CASE("expired connections are dropped and not reused") {
    fixture f(2);
    f.keep(f.acquire(f.here));
    f.last->expire();
    const pooled_connection l = f.acquire(f.here);
    CHECK(f.made == 2);
    CHECK(f.connections->idle() == 0);
    f.last->expire();
    f.keep(f.acquire(f.here));
    CHECK(f.connections->idle() == 1);
    {
        pooled_connection dead = f.acquire(f.here);
        f.last->expire();
        f.keep(std::move(dead)); // expired before it is returned
    }
    CHECK(f.connections->idle() == 0);
}

TEST_CASE("a failed connection is replaced without releasing its slot") {
    fixture f(1);
    f.keep(f.acquire(f.here));
    pooled_connection l = f.acquire(f.here);
    std::optional<pooled_connection> next;
    asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                   [&](std::exception_ptr, pooled_connection got) { next = std::move(got); });
    f.context.restart();
    f.context.poll();
    CHECK(f.connections->waiting() == 1);
    CHECK(l.replace(f.here));
    f.context.poll();
    CHECK_FALSE(next);
    CHECK(f.made == 2);
    CHECK(f.connections->in_use() == 1);
    CHECK(l.operator->() == f.last.get());
    f.keep(std::move(l));
    f.context.poll();
    REQUIRE(next);
    CHECK(next->operator->() == f.last.get());
}

TEST_CASE("a connection that leaves the pool is closed before its slot is passed on") {
    fixture f(2);
    f.keep(f.acquire(f.here));
    const auto first = f.last;
    f.keep(f.acquire(f.there));
    const auto second = f.last;
    first->expire();
    pooled_connection a = f.acquire(f.there);
    CHECK_FALSE(first->open);
    CHECK(second->open);
    f.keep(std::move(a));
    const auto third = f.last;
    pooled_connection b = f.acquire(f.here);
    protocol::authority elsewhere;
    elsewhere.host = "elsewhere";
    pooled_connection c = f.acquire(elsewhere); // replaces an idle one
    CHECK_FALSE(third->open);
    const auto fourth = f.last;
    pooled_connection d;
    asio::co_spawn(f.context, f.connections->acquire(f.there, steady_clock::now() + 1h),
                   [&](std::exception_ptr, pooled_connection got) { d = std::move(got); });
    f.context.restart();
    f.context.poll();
    f.keep(std::move(c)); // to a caller with another destination
    CHECK_FALSE(fourth->open);
    f.context.poll();
    CHECK(d);
    const auto fifth = f.last;
    d = pooled_connection(); // reuse() was not called
    CHECK_FALSE(fifth->open);
}

TEST_CASE("ten thousand cancelled callers need no search of the queue") {
    fixture f(1);
    pooled_connection held = f.acquire(f.here);
    constexpr int many = 10'000;
    std::vector<asio::cancellation_signal> signals(many);
    int cancelled = 0;
    std::vector<int> order;
    for (int i = 0; i < many; ++i)
        asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                       asio::bind_cancellation_slot(signals[static_cast<std::size_t>(i)].slot(),
                                                    [&, i](std::exception_ptr e, pooled_connection l) {
                                                        cancelled += e != nullptr;
                                                        if (!e) order.push_back(i);
                                                        if (!e) l.mark_reusable();
                                                    }));
    f.context.restart();
    f.context.poll();
    CHECK(f.connections->waiting() == many);
    for (int i = many - 1; i >= 0; --i) // the last first, except each hundredth
        if (i % 100 != 0) signals[static_cast<std::size_t>(i)].emit(asio::cancellation_type::terminal);
    f.context.poll();
    CHECK(cancelled == many - many / 100);
    CHECK(f.connections->waiting() == many / 100);
    f.keep(std::move(held));
    f.context.run();
    CHECK(order.size() == many / 100);
    CHECK(std::ranges::is_sorted(order));
    CHECK(f.connections->in_use() == 0);
    CHECK(f.made == 1);
}

TEST_CASE("a closed pool accepts no caller and drops its connections") {
    fixture f(2);
    f.keep(f.acquire(f.here));
    const auto rests = f.last;
    pooled_connection busy = f.acquire(f.there);
    const auto works = f.last;
    pooled_connection also = f.acquire(f.here);
    CHECK(also.operator->() == rests.get());
    f.keep(std::move(also));
    pooled_connection other = f.acquire(f.there);
    std::optional<pooled_connection> waiting;
    asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                   [&](std::exception_ptr, pooled_connection l) { waiting = std::move(l); });
    f.context.restart();
    f.context.poll();
    CHECK_FALSE(waiting);

    f.connections->close();
    f.context.poll();
    REQUIRE(waiting);
    CHECK_FALSE(*waiting);
    CHECK(works->interrupted == errc::closed);
    CHECK(f.last->interrupted == errc::closed);
    CHECK_FALSE(f.acquire(f.here));
    CHECK_FALSE(busy.replace(f.there));
    CHECK(f.connections->in_use() == 2);
    f.keep(std::move(busy)); // too late
    CHECK_FALSE(works->open);
    CHECK(f.connections->in_use() == 1);
    other = pooled_connection();
    CHECK(f.connections->in_use() == 0);
    CHECK(f.connections->idle() == 0);
    f.connections->close(); // a second call has no effect
}

TEST_CASE("closing a pool closes its idle connections") {
    fixture f(1);
    f.keep(f.acquire(f.here));
    CHECK(f.last->open);
    f.connections->close();
    CHECK_FALSE(f.last->open);
    CHECK_FALSE(f.last->interrupted);
    CHECK(f.connections->idle() == 0);
}

TEST_CASE("callers beyond the limit wait in a queue") {
    fixture f(1);
    pooled_connection held = f.acquire(f.here);
    std::vector<int> order;
    std::vector<pooled_connection> got;
    for (int i = 0; i < 3; ++i)
        asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                       [&, i](std::exception_ptr, pooled_connection l) {
                           order.push_back(i);
                           got.push_back(std::move(l));
                       });
    f.context.restart();
    f.context.poll();
    CHECK(order.empty());
    f.keep(std::move(held));
    for (int i = 0; i < 3; ++i) {
        f.context.poll();
        REQUIRE(order.size() == static_cast<std::size_t>(i) + 1);
        CHECK(f.connections->in_use() == 1);
        got.back().mark_reusable();
        pooled_connection done = std::move(got.back());
    }
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK(f.made == 1); // passed on
    CHECK(f.connections->idle() == 1);
    CHECK(f.connections->in_use() == 0);
}

TEST_CASE("a slot passes to the next caller even when its connection does not") {
    fixture f(1);
    pooled_connection held = f.acquire(f.here);
    pooled_connection got;
    asio::co_spawn(f.context, f.connections->acquire(f.there, steady_clock::now() + 1h),
                   [&](std::exception_ptr, pooled_connection l) { got = std::move(l); });
    f.context.restart();
    f.context.poll();
    CHECK_FALSE(got);
    f.keep(std::move(held));
    f.context.poll();
    REQUIRE(got);
    CHECK(got->to() == f.there);
    CHECK(f.connections->in_use() == 1);
    CHECK(f.connections->idle() == 0);
}

TEST_CASE("waiting ends at the deadline") {
    fixture f(1);
    const pooled_connection held = f.acquire(f.here);
    const pooled_connection late = run(f.context, f.connections->acquire(f.here, steady_clock::now() + 1ms));
    CHECK_FALSE(late);
    CHECK(f.connections->in_use() == 1);
}

TEST_CASE("a caller with too little time left gets no connection") {
    fixture f(1);
    {
        pooled_connection slow = f.acquire(f.here); // the typical duration of an exchange: 100 ms
        std::this_thread::sleep_for(100ms);
        slow.mark_reusable();
    }
    pooled_connection held = f.acquire(f.here);
    const auto begun = steady_clock::now();
    const auto wait = [&](std::chrono::milliseconds time, std::optional<pooled_connection>& got) {
        asio::co_spawn(f.context, f.connections->acquire(f.here, begun + time),
                       [&](std::exception_ptr, pooled_connection l) { got = std::move(l); });
    };
    std::optional<pooled_connection> leaves, served;
    wait(300ms, leaves);
    wait(10s, served);
    f.context.restart();
    while (!leaves) f.context.run_one();
    CHECK_FALSE(*leaves);
    CHECK(leaves->error() == errc::timed_out);
    CHECK(steady_clock::now() - begun < 290ms); // at its deadline minus the time an exchange takes
    const auto told = f.connections->take_overload_report(steady_clock::now());
    REQUIRE(told);
    CHECK(told->lost == 1);
    CHECK(told->waiting == 1);
    CHECK(told->connections == 1);
    CHECK_FALSE(f.connections->take_overload_report(steady_clock::now() + 2s)); // nothing since then

    f.keep(std::move(held));
    f.context.poll();
    REQUIRE(served);
    CHECK(*served);
}

TEST_CASE("the queue is bounded") {
    pool::limits l(1);
    l.waiting = 2;
    fixture f(l);
    pooled_connection held = f.acquire(f.here);
    std::vector<pooled_connection> got;
    for (int i = 0; i < 4; ++i)
        asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                       [&](std::exception_ptr, pooled_connection x) { got.push_back(std::move(x)); });
    f.context.restart();
    f.context.poll();
    REQUIRE(got.size() == 2);
    for (const pooled_connection& x : got) {
        CHECK_FALSE(x);
        CHECK(x.error() == errc::overloaded);
    }
    const auto now = steady_clock::now();
    const auto told = f.connections->take_overload_report(now);
    REQUIRE(told);
    CHECK(told->refused == 2);
    CHECK(told->waiting == 2);
    asio::co_spawn(f.context, f.connections->acquire(f.here, now + 1h),
                   [](std::exception_ptr, pooled_connection x) { CHECK(x.error() == errc::overloaded); });
    f.context.poll();
    CHECK_FALSE(f.connections->take_overload_report(now + 900ms)); // once a second at most
    CHECK(f.connections->take_overload_report(now + 1100ms));
    got.clear();
    f.keep(std::move(held));
    f.context.poll();
    REQUIRE(got.size() == 1);
    CHECK(got[0]);
}

TEST_CASE("the reserve is the 90th percentile of exchange times and a quarter more") {
    support::time_reserve r;
    const steady_clock::time_point since;
    CHECK(r.of(since, since + 1h) == 0ms);
    std::minstd_rand random(1);
    std::exponential_distribution<double> times(1 / 5.0); // milliseconds
    const auto next = [&] {
        return std::chrono::duration_cast<steady_clock::duration>(
            std::chrono::duration<double, std::milli>(times(random)));
    };
    int longer = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto took = next();
        if (i >= 1000 && took * 5 / 4 > r.of(since, since + 1h)) ++longer;
        r.ended(took, false);
    }
    CHECK(longer > 19'000 * 0.08);
    CHECK(longer < 19'000 * 0.13);
    CHECK(r.of(since, since + 10ms) == 5ms);         // never more than half of a call's own time
    for (int i = 0; i < 80; ++i) r.ended(1ms, true); // abandoned: it would have taken longer
    CHECK(r.of(since, since + 1h) > 1s);
}

TEST_CASE("waiting can be cancelled and the queue advances") {
    fixture f(1);
    pooled_connection held = f.acquire(f.here);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    pooled_connection second;
    asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](std::exception_ptr e, pooled_connection) { failure = e; }));
    asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                   [&](std::exception_ptr, pooled_connection l) { second = std::move(l); });
    f.context.restart();
    f.context.poll();
    signal.emit(asio::cancellation_type::terminal);
    f.context.poll();
    REQUIRE(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == asio::error::operation_aborted);
    }
    f.keep(std::move(held));
    f.context.poll();
    CHECK(second);
    CHECK(f.connections->in_use() == 1);
}

TEST_CASE("a context destroyed with waiting callers leaves nothing behind") {
    std::shared_ptr<pool> connections;
    pooled_connection held;
    {
        fixture f(1);
        connections = f.connections;
        held = f.acquire(f.here);
        asio::co_spawn(f.context, f.connections->acquire(f.here, steady_clock::now() + 1h),
                       [](std::exception_ptr, pooled_connection) { FAIL("the caller has been destroyed"); });
        f.context.restart();
        f.context.poll();
        CHECK(connections->in_use() == 1);
    }
    held = pooled_connection();
    CHECK(connections->in_use() == 0);
}

TEST_CASE("many threads and few connections") {
    asio::thread_pool threads(4);
    protocol::authority here;
    here.host = "here";
    std::atomic<int> made{0};
    std::atomic<int> busy{0};
    std::atomic<int> most{0};
    std::atomic<int> done{0};
    const auto connections =
        std::make_shared<pool>(threads.get_executor(), pool::limits(3), [&](const protocol::authority& to) {
            ++made;
            return std::make_shared<idle_connection>(to);
        });
    const auto use = [&](int i) -> asio::awaitable<void> {
        pooled_connection l = co_await connections->acquire(here, steady_clock::now() + 1h);
        const int now = ++busy;
        int before = most;
        while (before < now && !most.compare_exchange_weak(before, now)) {
        }
        co_await asio::post(asio::use_awaitable);
        --busy;
        if (i % 7 != 0) l.mark_reusable();
        ++done;
    };
    for (int i = 0; i < 2000; ++i)
        asio::co_spawn(threads, use(i), [](std::exception_ptr e) { CHECK_FALSE(e); });
    threads.join();
    CHECK(done == 2000);
    CHECK(most <= 3);
    CHECK(connections->in_use() == 0);
    CHECK(connections->idle() <= 3);
}
