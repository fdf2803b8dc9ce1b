// A service that is down for a while, under a load that does not wait for it: the store does not overrun it,
// calls end in time, and when it is back all calls succeed at once.

#include "faults/progress_counter.hpp"
#include "faults/silent_peer.hpp"
#include "support/run.hpp"
#include "support/sanitized.hpp"

#include <azkv.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <iostream>
#include <sstream>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr int per_second = sanitized ? 200 : 500;
constexpr auto patience = sanitized ? 200ms : 50ms;
constexpr auto timeout = 2s;

std::chrono::seconds length_of_outage() {
    const char* const text = std::getenv("AZKV_OUTAGE_SECONDS");
    return std::chrono::seconds(text ? std::stoi(text) : 3);
}

class call {
public:
    explicit call(steady_clock::time_point begun) : begun(begun) {}

    steady_clock::time_point begun;
    steady_clock::time_point ended = steady_clock::time_point::max();
    bool succeeded = false;
};

/// Calls that begin at a fixed rate, independent of those before.
class load {
public:
    load(asio::io_context& context, store db) : context_(context), db_(std::move(db)) {}

    /// For this long.
    asio::awaitable<void> run(steady_clock::duration time) {
        asio::steady_timer timer(context_);
        const auto begun = steady_clock::now();
        const std::size_t before = calls_.size();
        for (auto now = begun; now < begun + time; now = steady_clock::now()) {
            const auto due = before + static_cast<std::size_t>((now - begun) * per_second / 1s);
            while (calls_.size() < due) begin();
            const auto next = now + 2ms;
            timer.expires_at(next);
            co_await timer.async_wait(asio::use_awaitable);
            lag_ = std::max(lag_, steady_clock::now() - next);
        }
    }

    const std::deque<call>& calls() const { return calls_; }

    /// The worst delay of this machine, from any cause.
    steady_clock::duration lag() const { return lag_; }

private:
    void begin() {
        call& c = calls_.emplace_back(steady_clock::now());
        const std::string key = std::to_string(calls_.size() % 100);
        const auto ended = [&c](std::exception_ptr f) {
            c.ended = steady_clock::now();
            c.succeeded = !f;
        };
        if (calls_.size() % 2 == 0)
            asio::co_spawn(context_, db_.put(key, {}), [ended](std::exception_ptr f, etag) { ended(f); });
        else
            asio::co_spawn(context_, db_.get(key), [ended](std::exception_ptr f, auto) { ended(f); });
    }

    asio::io_context& context_;
    store db_;
    std::deque<call> calls_; // grows at its end only, so that references stay valid
    steady_clock::duration lag_{0};
};

/// What happens, and when.
class course {
public:
    steady_clock::time_point gone;
    steady_clock::time_point back;
    std::size_t requests = 0; // while it is down
    std::size_t attempts = 0;
};

/// Takes the service down, and returns what brings it back.
using trouble = std::function<std::function<void()>(emulator&)>;

std::function<void()> take_down(emulator& service) {
    service.stop();
    return [&] { service.start(); };
}

std::function<void()> put_a_silent_peer_in_its_place(emulator& service) {
    service.stop();
    auto peer = std::make_shared<silent_peer>(silent_peer::manner::reads, std::string(), service.port());
    return [&, peer]() mutable {
        peer.reset();
        service.start();
    };
}

std::function<void()> throttle_all(emulator& service) {
    service.faults(fault_plan().sometimes(1, fault::answer(503, "ServerBusy")));
    return [&] { service.faults(); };
}

asio::awaitable<course> outage(load& l, emulator& service, const progress_counter& counts, trouble t) {
    course c;
    co_await l.run(1s);
    const std::size_t requests_before = counts.requests;
    const std::size_t attempts_before = counts.attempts;
    const std::size_t calls_before = l.calls().size();
    const std::function<void()> bring_back = t(service);
    c.gone = steady_clock::now();
    co_await l.run(length_of_outage());
    c.requests = std::max(counts.requests - requests_before, l.calls().size() - calls_before);
    c.attempts = counts.attempts - attempts_before;
    bring_back();
    c.back = steady_clock::now();
    co_await l.run(2s);
    co_return c;
}

/// `patient`: the longest time until a call succeeds.
void go_through(const char* name, store_options options, const trouble& t,
                std::chrono::milliseconds patient) {
    INFO(name);
    progress_counter counts; // outlives the store
    emulator service;
    asio::io_context context;
    auto db = store::from_connection_string(context.get_executor(), service.connection_string(),
                                            options.timeout(timeout).observer(std::ref(counts)));
    run(context, db.put("0", {})); // creates the table
    load l(context, db);
    const course c = run(context, outage(l, service, counts, t));

    CHECK(c.requests >= static_cast<std::size_t>(per_second * length_of_outage() / 1s) / 2);
    const std::chrono::duration<double> away = length_of_outage();
    // The retry budget, and some for those that were in flight.
    const double most = static_cast<double>(c.requests) * 1.15 + 40 + 6 * away.count() + 10;
    CHECK(static_cast<double>(c.attempts) <= most);
    if (!sanitized) CHECK(static_cast<double>(c.attempts) <= 1.2 * static_cast<double>(c.requests));

    auto first_success = steady_clock::time_point::max();
    std::size_t failed_before = 0, failed_later = 0, failed_meanwhile = 0;
    steady_clock::duration latest{0};
    for (const call& one : l.calls()) {
        REQUIRE(one.ended != steady_clock::time_point::max());
        latest = std::max(latest, one.ended - (one.begun + timeout));
        if (one.succeeded && one.ended >= c.back) first_success = std::min(first_success, one.ended);
        if (one.succeeded) continue;
        if (one.ended < c.gone)
            ++failed_before;
        else if (one.begun >= c.back)
            ++failed_later;
        else
            ++failed_meanwhile;
    }
    CHECK(failed_before == 0);
    CHECK(failed_meanwhile > 0);
    CHECK(failed_later == 0);
    CHECK(first_success - c.back < patient + l.lag());
    CHECK(latest < patience + l.lag());

    using ms = std::chrono::duration<double, std::milli>;
    std::ostringstream line; // printed whole: others print at the same time
    line << name << ": " << l.calls().size() << " calls; in " << away.count() << " s without service "
         << c.requests << " requests, " << c.attempts << " attempts, " << failed_meanwhile
         << " failures; first success after " << ms(first_success - c.back).count() << " ms; latest end "
         << ms(latest).count() << " ms past the deadline (the machine: " << ms(l.lag()).count() << " ms)\n";
    std::cout << line.str();
}

} // namespace

TEST_CASE("services that are down or silent") {
    // At the same time: both mostly wait.
    auto down = std::async(std::launch::async, &go_through, "down", store_options(), &take_down, 1s);
    go_through("silent", store_options().attempt_timeout(300ms), &put_a_silent_peer_in_its_place, 1s);
    down.get();
}

TEST_CASE("a service that throttles every request") { // and is tried ten times a second
    go_through("throttling", store_options(), &throttle_all, sanitized ? 300ms : 110ms);
}
