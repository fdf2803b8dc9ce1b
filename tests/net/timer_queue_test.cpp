#include "net/deadlines.hpp"
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

/// Writes its name down when its time is over.
class named final : public net::deadlines::watched {
public:
    named(std::string name, std::string& told) : name_(std::move(name)), told_(told) {}

private:
    void time_out() override { told_ += name_; }

    std::string name_;
    std::string& told_;
};

} // namespace

TEST_CASE("deadlines: each is told once, when its own time is over") {
    boost::asio::io_context context;
    const auto d = std::make_shared<net::deadlines>(context.get_executor());
    std::string told;
    named late("late ", told), early("early ", told), moved("moved ", told), gone("gone ", told);
    const auto now = steady_clock::now();
    net::deadlines::watch first(d, early, now + 30ms);
    net::deadlines::watch second(d, moved, now + 1h);
    net::deadlines::watch third(d, late, now + 40ms);
    second.move_to(now + 10ms); // the timer is set for an earlier time
    second.move_to(now + 35ms);
    { const net::deadlines::watch fourth(d, gone, now + 15ms); }
    azkv::test::run_until(context, [&] { return told == "early moved late "; });
    CHECK(steady_clock::now() >= now + 40ms);
    context.run_for(20ms);
    CHECK(told == "early moved late ");
}

TEST_CASE("deadlines: a context has nothing to do when nothing is watched") {
    boost::asio::io_context context;
    const auto d = std::make_shared<net::deadlines>(context.get_executor());
    std::string told;
    named n("n", told);
    for (int i = 0; i < 3; ++i) {
        std::optional<net::deadlines::watch> w;
        w.emplace(d, n, steady_clock::now() + 1h);
        context.restart();
        CHECK(context.poll() == 0);
        CHECK_FALSE(context.stopped());
        w.reset();
        context.restart();
        context.run(); // ends
    }
    CHECK(told.empty());
}
