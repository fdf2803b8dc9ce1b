#include "protocol/call_state.hpp"
#include "protocol/http_date.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::protocol;
using namespace std::chrono_literals;
using action = call_state::action;
namespace asio = boost::asio;

namespace {

// The tests' own moment: nothing here looks at a real clock.
clocks moment() {
    clocks c;
    c.steady = std::chrono::steady_clock::time_point(1000s);
    c.wall = std::chrono::system_clock::from_time_t(1767323045);
    return c;
}

call_state fresh(retry_policy policy = {}, std::chrono::seconds time = 120s) {
    return call_state(policy, moment().steady + time, 1);
}

response answer(unsigned status) {
    response r;
    r.status = status;
    return r;
}

} // namespace

TEST_CASE("answers are done, transient ones are tried again") {
    for (const unsigned status : {200u, 202u, 204u, 400u, 403u, 404u, 409u, 412u, 501u})
        CHECK(fresh().on_response(answer(status), false, moment()) == action::done);
    for (const unsigned status : {408u, 429u, 500u, 502u, 503u, 504u})
        CHECK(fresh().on_response(answer(status), false, moment()) == action::wait);
}

TEST_CASE("lost connections are tried again, other failures are not") {
    for (const boost::system::error_code ec :
         {make_error_code(errc::timed_out), boost::system::error_code(asio::error::connection_refused),
          boost::system::error_code(asio::error::connection_reset),
          boost::system::error_code(asio::error::eof),
          boost::system::error_code(asio::ssl::error::stream_truncated)})
        CHECK(fresh().on_error(ec, true, moment()) == action::wait);
    for (const boost::system::error_code ec :
         {make_error_code(errc::bad_response), boost::system::error_code(asio::error::host_not_found)})
        CHECK(fresh().on_error(ec, true, moment()) == action::fail);
}

TEST_CASE("pauses grow, vary, stay below the longest, and end") {
    retry_policy policy;
    policy.max_attempts = 6;
    policy.first = 100ms;
    policy.longest = 300ms;
    call_state state = fresh(policy);
    for (const auto& [least, most] :
         {std::pair{50ms, 100ms}, {100ms, 200ms}, {150ms, 300ms}, {150ms, 300ms}, {150ms, 300ms}}) {
        CHECK(state.on_response(answer(500), false, moment()) == action::wait);
        CHECK(state.delay() >= least);
        CHECK(state.delay() <= most);
    }
    CHECK(state.attempt() == 6);
    CHECK(state.on_response(answer(500), false, moment()) == action::done); // the last answer is the answer
    CHECK(state.on_error(asio::error::eof, true, moment()) == action::fail);
}

TEST_CASE("what the service asks for is done") {
    const auto delay = [](auto set) {
        response r = answer(503);
        set(r);
        call_state state = fresh();
        REQUIRE(state.on_response(r, false, moment()) == action::wait);
        return state.delay();
    };
    CHECK(delay([](response& r) { r.retry_after_ms = "1234"; }) == 1234ms);
    CHECK(delay([](response& r) { r.retry_after = "7"; }) == 7s);
    CHECK(delay([](response& r) { r.retry_after = http_date(moment().wall + 9s); }) == 9s);
    CHECK(delay([](response& r) { r.retry_after = http_date(moment().wall - 9s); }) == 0s);
    CHECK(delay([](response& r) { r.retry_after_ms = "5", r.retry_after = "7"; }) == 5ms);
    response far = answer(503);
    far.retry_after = "Fri, 31 Dec 9999 23:59:59 GMT";
    CHECK(fresh().on_response(far, false, moment()) == action::done); // not a date in the past
    CHECK(delay([](response& r) { r.retry_after = "soon"; }) <= 100ms);
    CHECK(delay([](response& r) { r.retry_after = "-5"; }) <= 100ms);
}

TEST_CASE("no pause goes beyond the deadline") {
    response r = answer(429);
    r.retry_after = "60";
    call_state state = fresh({}, 30s);
    CHECK(state.on_response(r, false, moment()) == action::done);
    CHECK(state.attempt() == 1);
    r.retry_after = "99999999999999999999";
    CHECK(fresh().on_response(r, false, moment()) == action::wait); // no number: the usual pause
    r.retry_after = "999999999999";
    CHECK(fresh().on_response(r, false, moment()) == action::done);
}

TEST_CASE("unknown outcomes are remembered, clean refusals are none") {
    call_state state = fresh();
    CHECK(state.on_error(asio::error::connection_refused, false, moment()) == action::wait);
    CHECK_FALSE(state.maybe_applied());
    CHECK(state.on_response(answer(429), false, moment()) == action::wait);
    CHECK_FALSE(state.maybe_applied());
    CHECK(state.on_response(answer(503), false, moment()) == action::wait);
    CHECK(state.maybe_applied());
    call_state twice = fresh(); // sent twice within one attempt, and refused the second time
    CHECK(twice.on_response(answer(429), true, moment()) == action::wait);
    CHECK(twice.maybe_applied());
    call_state lost = fresh();
    CHECK(lost.on_error(asio::error::eof, true, moment()) == action::wait);
    CHECK(lost.maybe_applied());
}
