// Calls to a partition that throttles.

#include "support/fixtures.hpp"
#include "support/held_transport.hpp"
#include "support/sanitized.hpp"
#include "support/scripted_store.hpp"
#include "support/spawned.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const std::string row = empty_entity_text;

/// A store with a service that responds, to each request that is released, as the test says.
class throttled_store {
public:
    explicit throttled_store(store_options o = {})
        : net(std::make_shared<held_transport>([this](net::exchange& x) { answer(x.response); })),
          db(store_over(context.get_executor(), net,
                        std::move(o.observer([this](const event& e) { watch(e); })))) {}

    using call = spawned<std::optional<value>>;

    call& get(std::string collection = "data") {
        call& c = calls.emplace_back();
        context.restart();
        c.start_cancellable(context, db.get("k", std::move(collection)));
        return c;
    }

    /// Runs until this many requests are in flight.
    void run_until_sent(std::size_t n) {
        run_until(context, [&] { return net->under_way == n; });
    }

    /// Answers those in flight. Later requests stay in flight.
    void answer_all(unsigned how) {
        status = how;
        const std::size_t all = answered + net->under_way;
        net->let_all_go();
        net->holds = true;
        run_until(context, [&] { return answered >= all; });
    }

    std::size_t ended() const { return static_cast<std::size_t>(std::ranges::count_if(calls, &call::done)); }

    class change {
    public:
        std::string collection;
        double rate;
        std::size_t waiting;
        event::duration pause;
    };

    asio::io_context context;
    unsigned status = 200;
    std::string hint; // Retry-After
    std::string page; // of a proxy, in place of the service's response
    std::vector<change> changes;
    std::size_t refused = 0;
    std::size_t answered = 0;
    event::duration longest_paced{0};
    std::deque<call> calls;
    std::shared_ptr<held_transport> net;
    store db;

private:
    void answer(protocol::response& r) {
        ++answered;
        r.status = status;
        r.body = !page.empty() ? page : status == 200 ? row : error_body("ServerBusy");
        r.retry_after = status == 200 ? "" : hint;
    }

    void watch(const event& e) {
        if (e.kind == event_kind::pace)
            changes.push_back({std::string(e.collection), e.rate, e.waiting, e.pause});
        if (e.kind != event_kind::attempt) return;
        refused += e.status == 503;
        longest_paced = std::max(longest_paced, e.paced);
    }
};

/// Callers of an emulator that each make one call after another.
class callers {
public:
    callers(blocking_store& db, std::size_t n, std::size_t calls) {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < n; ++i)
            threads.emplace_back([&, i] {
                for (std::size_t j = 0; j < calls; ++j) {
                    try {
                        db.put("k" + std::to_string(i), {{"n", static_cast<std::int64_t>(j)}});
                    } catch (const error&) {
                        ++failed;
                    }
                }
            });
    }

    std::atomic<int> failed{0};
};

} // namespace

TEST_CASE("while a partition throttles one request tries and then the others go on") {
    throttled_store s;
    for (int i = 0; i < 8; ++i) s.get();
    s.run_until_sent(8);
    s.answer_all(503);
    CHECK(s.refused == 8);
    CHECK(s.ended() == 0);
    s.run_until_sent(1);
    s.context.run_for(30ms);
    CHECK(s.net->under_way == 1);
    REQUIRE(s.changes.size() == 1); // eight refusals are one report
    CHECK(s.changes[0].rate == doctest::Approx(1800).epsilon(0.01));
    CHECK(s.changes[0].waiting == 0); // except the one that was rejected
    CHECK(s.changes[0].pause == 10ms);

    auto& later = s.get(); // after them
    s.answer_all(200);
    CHECK(s.ended() == 1);
    s.run_until_sent(8);
    CHECK_FALSE(later.done);
    s.answer_all(200);
    CHECK(s.ended() == 9);
    CHECK(s.longest_paced >= 10ms);
    for (const auto& c : s.calls) CHECK_FALSE(c.failure);
    CHECK(s.net->begun == 17);
}

TEST_CASE("a cancelled try passes to the next call") {
    throttled_store s;
    for (int i = 0; i < 4; ++i) s.get();
    s.run_until_sent(4);
    s.answer_all(503);
    for (std::size_t i = 3; i > 0; --i) { // the last rejected is the first in the queue
        const std::size_t begun = s.net->begun;
        s.run_until_sent(1);
        CHECK(s.net->begun == begun + 1);
        auto& trying = s.calls[i];
        trying.signal.emit(asio::cancellation_type::terminal);
        run_until(s.context, [&] { return trying.done; });
        CHECK(trying.code() == asio::error::operation_aborted);
        CHECK(s.ended() == 4 - i);
    }
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK(s.ended() == 4);
    CHECK_FALSE(s.calls[0].failure);
}

TEST_CASE("a response that is not the service's passes the try to the next call") {
    throttled_store s;
    for (int i = 0; i < 4; ++i) s.get();
    s.run_until_sent(4);
    s.answer_all(503);
    s.run_until_sent(1);
    s.page = "<html>of a proxy</html>";
    s.answer_all(403);
    CHECK(s.ended() == 1);
    s.run_until_sent(1);
    s.context.run_for(30ms);
    CHECK(s.net->under_way == 1);
    s.page.clear();
    s.answer_all(200);
    s.run_until_sent(2);
    s.answer_all(200);
    CHECK(s.ended() == 4);
}

TEST_CASE("calls that wait for their turn end at their deadline") {
    throttled_store s(store_options().timeout(300ms));
    s.hint = "30"; // one try each 3 s
    auto& refused = s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    const auto began = std::chrono::steady_clock::now();
    auto& never_sent = s.get();
    run_until(s.context, [&] { return s.ended() == 2; });
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(took > 100ms);
    CHECK(took < 2s);
    CHECK(refused.code() == errc::throttled);
    CHECK(contains(refused.thrown().what(), "HTTP 503"));
    CHECK(contains(refused.thrown().what(),
                   "); no time is left for another attempt")); // and not "after 2 attempts"
    CHECK(never_sent.code() == errc::timed_out);
    CHECK(contains(never_sent.thrown().what(),
                   "waiting for its turn at 127.0.0.1:10002: timed out (paced: 0 calls wait, 1800 "
                   "entities a second)"));
    CHECK_FALSE(contains(never_sent.thrown().what(), "another attempt"));
    CHECK(s.net->begun == 1);
}

TEST_CASE("no more calls wait for their turn than for a connection") {
    throttled_store s(store_options().max_waiting(2));
    s.hint = "30";
    s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    s.get();
    auto& too_many = s.get();
    run_until(s.context, [&] { return too_many.done; });
    CHECK(too_many.code() == errc::overloaded);
    CHECK(contains(too_many.thrown().what(),
                   "waiting for its turn at 127.0.0.1:10002: too many calls are waiting (paced: 2 "
                   "calls wait, 1800 entities a second)"));
    CHECK_FALSE(contains(too_many.thrown().what(), "no time is left"));
    CHECK(s.ended() == 1);
    CHECK_FALSE(run(s.context, s.db.close(1ms)));
}

TEST_CASE("where no call may wait only calls that would have to wait are rejected") {
    throttled_store s(store_options().max_waiting(0));
    auto& first = s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    s.run_until_sent(1); // it tries again
    auto& too_many = s.get();
    run_until(s.context, [&] { return too_many.done; });
    CHECK(too_many.code() == errc::overloaded);
    s.answer_all(200);
    CHECK(first.done);
    CHECK_FALSE(first.failure);
    std::this_thread::sleep_for(5ms); // the rate allows 1,800 per second
    auto& later = s.get();
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK(later.done);
    CHECK_FALSE(later.failure);
}

TEST_CASE("however long a pause is requested one call tries after a while") {
    class asked {
    public:
        const char* hint;
        event::duration pause;
    };

    for (const asked& a :
         {asked{"", 10ms}, asked{"0", 10ms}, asked{"evil", 10ms}, asked{"-7", 10ms}, asked{"1", 100ms},
          asked{"5", 500ms}, asked{"9223372036854775807", 10s}, asked{"Thu, 01 Jan 1970 00:00:00 GMT", 10ms},
          asked{"Fri, 31 Dec 9999 23:59:59 GMT", 10s}}) {
        CAPTURE(a.hint);
        throttled_store s;
        s.hint = a.hint;
        auto& call = s.get();
        s.run_until_sent(1);
        s.answer_all(503);
        REQUIRE(s.changes.size() == 1);
        CHECK(s.changes[0].pause == a.pause);
        call.signal.emit(asio::cancellation_type::terminal);
        run_until(s.context, [&] { return call.done; });
    }
}

TEST_CASE("calls that wait for their turn end when the store is closed") {
    throttled_store s;
    s.hint = "30";
    s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    s.get();
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(run(s.context, s.db.close(1ms)));
    CHECK(std::chrono::steady_clock::now() - began < 1s);
    CHECK(s.ended() == 2);
    for (const auto& c : s.calls) CHECK(c.code() == errc::closed);
    CHECK(s.net->begun == 1);
}

TEST_CASE("a limit of one attempt is kept and delays no other call") {
    throttled_store s(store_options().max_attempts(1));
    auto& first = s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    CHECK(first.code() == errc::throttled);
    auto& second = s.get(); // after the pause
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK_FALSE(second.failure);
    CHECK(s.longest_paced > 0ms);
}

TEST_CASE("each collection has a pace of its own which ends after a quiet second") {
    throttled_store s;
    s.hint = "5";
    auto& held_up = s.get("busy");
    s.run_until_sent(1);
    s.answer_all(503);
    auto& other = s.get("quiet");
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK(other.done);
    CHECK(s.longest_paced == 0ms);
    CHECK_FALSE(held_up.done);
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK(held_up.done);

    std::this_thread::sleep_for(1'100ms);
    s.changes.clear();
    s.longest_paced = {};
    s.get("quiet"); // any call detects it
    s.run_until_sent(1);
    s.answer_all(200);
    REQUIRE(s.changes.size() == 1);
    CHECK(s.changes[0].collection == "busy");
    CHECK(s.changes[0].rate == 0); // it is over
    CHECK(s.longest_paced == 0ms);
    s.changes.clear();
    s.get("busy");
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK(s.changes.empty());
}

TEST_CASE("a view in another partition is not held up by the pace of this one") {
    throttled_store s;
    s.hint = "5";
    auto& held_up = s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    store tenant = s.db.in_partition("tenant");
    auto& other = s.calls.emplace_back();
    s.context.restart();
    other.start_cancellable(s.context, tenant.get("k"));
    s.run_until_sent(1);
    s.answer_all(200);
    CHECK(other.done);
    CHECK_FALSE(held_up.done);
    CHECK(s.longest_paced == 0ms);
    s.run_until_sent(1); // the one that was throttled tries again
    s.answer_all(200);
    CHECK(held_up.done);
}

TEST_CASE("a collection is no longer throttled when none of its partitions is") {
    throttled_store s;
    store tenant = s.db.in_partition("tenant");
    const auto get_from_tenant = [&] {
        auto& c = s.calls.emplace_back();
        s.context.restart();
        c.start_cancellable(s.context, tenant.get("k"));
        s.run_until_sent(1);
    };
    s.get();
    s.run_until_sent(1);
    s.answer_all(503);
    s.run_until_sent(1);
    s.answer_all(200);
    std::this_thread::sleep_for(600ms);
    get_from_tenant();
    s.answer_all(503);
    s.run_until_sent(1);
    s.answer_all(200);
    std::this_thread::sleep_for(600ms); // the first partition's quiet second is over
    s.changes.clear();
    get_from_tenant();
    s.answer_all(200);
    CHECK(s.changes.empty());
    std::this_thread::sleep_for(1'100ms);
    s.get();
    s.run_until_sent(1);
    s.answer_all(200);
    REQUIRE(s.changes.size() == 1);
    CHECK(s.changes[0].collection == "data");
    CHECK(s.changes[0].rate == 0);
}

TEST_CASE("the log reports a pace") {
    std::vector<std::string> lines;
    scripted_store s(store_options().logger(
        log_level::info, [&](log_level, std::string_view line) { lines.emplace_back(line); }));
    s.net->answer(429);
    s.net->answer(204);
    s.run(s.db.put("hush", {}));
    std::this_thread::sleep_for(1'100ms);
    s.net->answer(204);
    s.run(s.db.put("hush", {}));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == "\"data\" is throttled: 1800 entities a second, after 10.0 ms; 0 calls wait");
    CHECK(contains(lines[1], "HTTP 429"));
    CHECK(contains(lines[1], "retried: throttled, waits for its turn"));
    CHECK(lines[2] == "\"data\" is no longer throttled");
}

TEST_CASE("a read that a second endpoint may answer does not wait for the first") {
    event::duration paced{0};
    scripted_store s(store_options().secondary_reads(true).observer([&](const event& e) {
        if (e.operation == "get") paced += e.paced;
    }));
    s.net->answer(503, error_body("ServerBusy"));
    s.net->answer(204);
    s.run(s.db.put("k", {})); // gives the collection a pace
    for (int i = 0; i < 3; ++i) {
        s.net->answer(503, error_body("ServerBusy"));
        s.net->answer(200, row);
        CHECK(s.run(s.db.get("k")));
        CHECK(contains(s.net->sent.back(), "-secondary"));
    }
    CHECK(s.net->sent.size() == 8);
    CHECK(paced == 0ms);
}

TEST_CASE("the threads of a blocking store keep to the rate that the service accepts") {
    class kind {
    public:
        service_mode mode;
        std::chrono::milliseconds hint;
    };

    constexpr int per_second = sanitized ? 80 : 400; // less than the threads can send
    for (const kind& k : {kind{service_mode::storage, 0ms}, kind{service_mode::cosmos, 1000ms}}) {
        emulator service(emulator_options().mode(k.mode));
        std::atomic<int> refused{0};
        auto db = blocking_store::from_connection_string(
            service.connection_string(), store_options().mode(k.mode).observer([&](const event& e) {
                refused += e.kind == event_kind::attempt && (e.status == 503 || e.status == 429);
            }));
        db.put("k", {});
        fault_plan plan;
        service.faults(plan.throttle(per_second, k.hint));
        const auto began = std::chrono::steady_clock::now();
        const callers c(db, 8, per_second * 3 / 8); // the limit takes three seconds for these
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        CHECK(c.failed == 0);
        CHECK(took.count() < 8);
        CHECK(refused > 0);
        CHECK(refused < 60 * took.count());
    }
}
