#include "net/timer_queue.hpp"
#include "support/run.hpp"

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

using namespace azkv;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

/// Appends its name to `expired` when its deadline has passed.
class named final : public net::timer_queue::entry {
public:
    named(std::string name, std::string& expired) : name_(std::move(name)), expired_(expired) {}

private:
    void time_out() override { expired_ += name_; }

    std::string name_;
    std::string& expired_;
};

} // namespace

TEST_CASE("timer queue: each entry expires once at its own deadline") {
    boost::asio::io_context context;
    const auto d = std::make_shared<net::timer_queue>(context.get_executor());
    std::string expired;
    named late("late ", expired), early("early ", expired), rescheduled("rescheduled ", expired),
        removed("removed ", expired);
    const auto now = steady_clock::now();
    net::timer_queue::registration first(d, early, now + 30ms);
    net::timer_queue::registration second(d, rescheduled, now + 1h);
    net::timer_queue::registration third(d, late, now + 40ms);
    second.reschedule(now + 10ms); // the timer is already set for an earlier time
    second.reschedule(now + 35ms);
    { const net::timer_queue::registration fourth(d, removed, now + 15ms); }
    azkv::test::run_until(context, [&] { return expired == "early rescheduled late "; });
    CHECK(steady_clock::now() >= now + 40ms);
    context.run_for(20ms);
    CHECK(expired == "early rescheduled late ");
}

TEST_CASE("timer queue: an empty queue keeps no context running") {
    boost::asio::io_context context;
    const auto d = std::make_shared<net::timer_queue>(context.get_executor());
    std::string expired;
    named n("n", expired);
    for (int i = 0; i < 3; ++i) {
        std::optional<net::timer_queue::registration> w;
        w.emplace(d, n, steady_clock::now() + 1h);
        context.restart();
        CHECK(context.poll() == 0);
        CHECK_FALSE(context.stopped());
        w.reset();
        context.restart();
        context.run(); // returns
    }
    CHECK(expired.empty());
}
