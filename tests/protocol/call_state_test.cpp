#include "protocol/call_state.hpp"
#include "protocol/http_date.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>

using namespace azkv;
using namespace azkv::protocol;
using namespace std::chrono_literals;
using action = call_state::action;
namespace asio = boost::asio;

namespace {

// The tests' own time: nothing here reads a real clock.
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

TEST_CASE("final responses end a call and transient ones are retried") {
    for (const unsigned status : {200u, 202u, 204u, 400u, 403u, 404u, 409u, 412u, 501u})
        CHECK(fresh().on_response(answer(status), applied::no, moment()) == action::done);
    for (const unsigned status : {408u, 429u, 500u, 502u, 503u, 504u})
        CHECK(fresh().on_response(answer(status), applied::no, moment()) == action::wait);
}

TEST_CASE("lost connections are retried and other failures are not") {
    for (const boost::system::error_code ec :
         {make_error_code(errc::timed_out), boost::system::error_code(asio::error::connection_refused),
          boost::system::error_code(asio::error::connection_reset),
          boost::system::error_code(asio::error::eof),
          boost::system::error_code(asio::ssl::error::stream_truncated)})
        CHECK(fresh().on_error(ec, applied::unknown, moment()) == action::wait);
    for (const boost::system::error_code ec :
         {make_error_code(errc::bad_response), boost::system::error_code(asio::error::host_not_found)})
        CHECK(fresh().on_error(ec, applied::unknown, moment()) == action::fail);
}

TEST_CASE("pauses grow and vary and stay below the maximum and end") {
    retry_policy policy;
    policy.max_attempts = 6;
    policy.first = 100ms;
    policy.longest = 300ms;
    call_state state = fresh(policy);
    for (const auto& [least, most] :
         {std::pair{50ms, 100ms}, {100ms, 200ms}, {150ms, 300ms}, {150ms, 300ms}, {150ms, 300ms}}) {
        CHECK(state.on_response(answer(500), applied::no, moment()) == action::wait);
        CHECK(state.delay() >= least);
        CHECK(state.delay() <= most);
    }
    CHECK(state.attempt() == 6);
    CHECK(state.on_response(answer(500), applied::no, moment())
          == action::done); // the last response is the result
    CHECK(state.on_error(asio::error::eof, applied::unknown, moment()) == action::fail);
}

TEST_CASE("the service's requests for a pause are respected") {
    const auto delay = [](auto set) {
        response r = answer(503);
        set(r);
        call_state state = fresh();
        REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
        return state.delay();
    };
    // Never earlier, and a little later at random.
    const auto is_about = [](std::chrono::milliseconds got, std::chrono::milliseconds asked) {
        return got >= asked && got <= asked + asked / 10;
    };
    CHECK(is_about(delay([](response& r) { r.retry_after_ms = "1234"; }), 1234ms));
    CHECK(is_about(delay([](response& r) { r.retry_after = "7"; }), 7s));
    CHECK(is_about(delay([](response& r) { r.retry_after = http_date(moment().wall + 9s); }), 9s));
    CHECK(delay([](response& r) { r.retry_after_ms = "5", r.retry_after = "7"; }) <= 100ms);
    response far = answer(503);
    far.retry_after = "Fri, 31 Dec 9999 23:59:59 GMT";
    CHECK(fresh().on_response(far, applied::no, moment()) == action::done); // not a date in the past
    CHECK(delay([](response& r) { r.retry_after = "soon"; }) <= 100ms);
    CHECK(delay([](response& r) { r.retry_after = "-5"; }) <= 100ms);
}

TEST_CASE("no pause is shorter than the policy's own whatever the service asks for") {
    for (const auto set :
         {+[](response& r) { r.retry_after = "0"; }, +[](response& r) { r.retry_after_ms = "0"; },
          +[](response& r) { r.retry_after_ms = "1"; },
          +[](response& r) { r.retry_after = http_date(moment().wall - 9s); },
          +[](response& r) { r.retry_after = http_date(moment().wall); },
          +[](response& r) { r.retry_after = "Thu, 01 Jan 1970 00:00:00 GMT"; }}) {
        for (const unsigned status : {503u, 429u, 500u}) {
            std::set<std::chrono::milliseconds> first;
            for (std::uint32_t seed = 1; seed <= 20; ++seed) {
                call_state state(retry_policy(), moment().steady + 120s, seed * 100'000'007);
                response r = answer(status);
                set(r);
                REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
                CHECK(state.delay() >= 50ms);
                CHECK(state.delay() <= 100ms);
                first.insert(state.delay());
                REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
                CHECK(state.delay() >= 100ms); // and it grows
            }
            CHECK(first.size() > 5); // at random, too
        }
    }
}

TEST_CASE("a date is relative to the clock that wrote it") {
    for (const auto off : {-600s, 0s, 600s, 86'400s * 365}) {
        response r = answer(503);
        r.date = http_date(moment().wall + off);
        r.retry_after = http_date(moment().wall + off + 2s);
        call_state state = fresh();
        REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
        CHECK(state.delay() >= 2s);
        CHECK(state.delay() <= 2200ms);
    }
    response without = answer(503); // without a Date, this machine's clock has to serve
    without.date = "yesterday";
    without.retry_after = http_date(moment().wall + 2s);
    call_state state = fresh();
    REQUIRE(state.on_response(without, applied::no, moment()) == action::wait);
    CHECK(state.delay() >= 2s);
}

TEST_CASE("no pause extends beyond the deadline") {
    response r = answer(429);
    r.retry_after = "60";
    call_state state = fresh({}, 30s);
    CHECK(state.on_response(r, applied::no, moment()) == action::done);
    CHECK(state.attempt() == 1);
    r.retry_after = "99999999999999999999";
    CHECK(fresh().on_response(r, applied::no, moment()) == action::wait); // no number: the usual pause
    r.retry_after = "999999999999";
    CHECK(fresh().on_response(r, applied::no, moment()) == action::done);
}

TEST_CASE("unknown outcomes are remembered and clean rejections are not") {
    call_state state = fresh();
    CHECK(state.on_error(asio::error::connection_refused, applied::no, moment()) == action::wait);
    CHECK(state.applied() == applied::no);
    CHECK(state.on_response(answer(429), applied::no, moment()) == action::wait);
    CHECK(state.applied() == applied::no);
    CHECK(state.on_response(answer(503), applied::no, moment()) == action::wait);
    CHECK(state.applied() == applied::unknown);
    call_state twice = fresh(); // sent twice within one attempt, and rejected the second time
    CHECK(twice.on_response(answer(429), applied::unknown, moment()) == action::wait);
    CHECK(twice.applied() == applied::unknown);
    call_state lost = fresh();
    CHECK(lost.on_error(asio::error::eof, applied::unknown, moment()) == action::wait);
    CHECK(lost.applied() == applied::unknown);
}

TEST_CASE("throttling spends no attempt but one attempt remains one") {
    response busy = answer(503);
    busy.body = R"({"odata.error":{"code":"ServerBusy","message":{"lang":"en","value":"x"}}})";
    CHECK(is_throttled(busy));
    CHECK(is_throttled(answer(429)));
    CHECK_FALSE(is_throttled(answer(503))); // perhaps from a proxy
    busy.status = 500;
    CHECK_FALSE(is_throttled(busy));

    retry_policy policy;
    policy.max_attempts = 2;
    retry_budget none(0);
    for (int i = 0; i < static_cast<int>(retry_budget::reserve); ++i) none.spend(moment().steady);
    call_state state(policy, moment().steady + 120s, 1, &none);
    for (int i = 1; i < 100; ++i) {
        CHECK(state.attempt() == i);
        REQUIRE(state.on_throttled(answer(429), applied::no) == action::wait);
        CHECK(state.delay() == 0ms);
        CHECK(state.reason() == "throttled, waits for its turn");
    }
    CHECK(state.applied() == applied::no);
    CHECK(state.on_response(answer(500), applied::no, moment()) == action::done);
    CHECK(state.reason() == "the retry budget is used up");

    call_state patient(policy, moment().steady + 120s, 1);
    for (int i = 0; i < 100; ++i) REQUIRE(patient.on_throttled(answer(503), applied::no) == action::wait);
    CHECK(patient.applied() == applied::unknown);
    REQUIRE(patient.on_response(answer(500), applied::no, moment()) == action::wait);
    CHECK(patient.delay() <= 100ms); // as after a first failure
    CHECK(patient.on_response(answer(500), applied::no, moment()) == action::done);

    policy.max_attempts = 1;
    call_state once = fresh(policy);
    CHECK(once.on_throttled(answer(429), applied::no) == action::done);
    CHECK(once.reason() == call_state::no_attempt_left);
}

TEST_CASE("callers that were asked to wait do not return at the same moment") {
    std::set<std::chrono::milliseconds> delays;
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        call_state state(retry_policy(), moment().steady + 120s, seed * 100'000'007);
        response r = answer(429);
        r.retry_after = "10";
        REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
        delays.insert(state.delay());
    }
    CHECK(delays.size() > 10);
}

TEST_CASE("writes wait for a table that is being deleted while time remains") {
    retry_policy policy;
    policy.judge = &retry_policy::write_rule;
    policy.max_attempts = 2;
    response r = answer(409);
    r.body = R"({"odata.error":{"code":"TableBeingDeleted","message":{"lang":"en-US","value":"x"}}})";
    retry_budget none(0);
    while (none.spend(moment().steady)) {
    }
    call_state state(policy, moment().steady + 60s, 1, &none);
    for (int i = 0; i < 20; ++i) {
        REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
        CHECK(state.delay() >= 500ms);
        CHECK(state.delay() <= 10s);
        CHECK(std::string(state.reason()) == "the table is being deleted");
    }
    CHECK(state.applied() == applied::no); // each was rejected
    clocks late = moment();
    late.steady += 60s;
    CHECK(state.on_response(r, applied::no, late) == action::done);
    CHECK(std::string(state.reason()) == "no time is left for another attempt");
    CHECK(fresh().on_response(r, applied::no, moment()) == action::done); // a read does not wait
    CHECK(fresh(policy).on_response(answer(409), applied::no, moment()) == action::done); // another conflict
    // Other failures keep their attempts.
    call_state busy(policy, moment().steady + 60s, 1);
    CHECK(busy.on_response(r, applied::no, moment()) == action::wait);
    CHECK(busy.on_response(answer(500), applied::no, moment()) == action::wait);
    CHECK(busy.on_response(answer(500), applied::no, moment()) == action::done);
}

TEST_CASE("without retry budget there is no retry and the error says why") {
    retry_budget budget(0);
    const auto try_again = [&] {
        call_state state({}, moment().steady + 120s, 1, &budget);
        const action a = state.on_response(answer(500), applied::no, moment());
        return std::pair(a, std::string(state.reason()));
    };
    for (int i = 0; i < 40; ++i) REQUIRE(try_again().first == action::wait);
    CHECK(try_again() == std::pair(action::done, std::string("the retry budget is used up")));
    call_state lost({}, moment().steady + 120s, 1, &budget);
    CHECK(lost.on_error(asio::error::eof, applied::unknown, moment()) == action::fail);
    CHECK(lost.applied() == applied::unknown);
}

TEST_CASE("reads go to the secondary every other time") {
    retry_policy policy;
    policy.secondary = true;
    policy.max_attempts = 5;
    call_state state = fresh(policy);
    for (const bool there : {false, true, false, true}) {
        CHECK(state.at_secondary() == there);
        REQUIRE(state.on_response(answer(503), applied::no, moment()) == action::wait);
    }
    CHECK_FALSE(state.at_secondary());
    CHECK(state.on_response(answer(404), applied::no, moment()) == action::done); // the primary says so
}

TEST_CASE("a read that the secondary cannot answer moves to the primary at once and for good") {
    retry_policy policy;
    policy.secondary = true;
    policy.max_attempts = 2;
    for (const unsigned status : {404u, 412u, 403u, 400u, 302u}) {
        call_state state = fresh(policy);
        REQUIRE(state.on_response(answer(500), applied::no, moment()) == action::wait);
        REQUIRE(state.at_secondary());
        REQUIRE(state.on_response(answer(status), applied::no, moment()) == action::wait);
        CHECK_FALSE(state.at_secondary());
        CHECK(state.delay() == 0ms);
        CHECK(state.on_response(answer(500), applied::no, moment())
              == action::done); // the last one: no attempt left
    }
    call_state unknown = fresh(policy); // a host name that does not exist: no such account
    REQUIRE(unknown.on_error(asio::error::eof, applied::no, moment()) == action::wait);
    REQUIRE(unknown.on_error(asio::error::host_not_found, applied::no, moment()) == action::wait);
    CHECK_FALSE(unknown.at_secondary());
    CHECK(unknown.on_response(answer(200), applied::no, moment()) == action::done);
    call_state good = fresh(policy);
    REQUIRE(good.on_response(answer(500), applied::no, moment()) == action::wait);
    CHECK(good.on_response(answer(200), applied::no, moment()) == action::done);
}

TEST_CASE("a closed store does not retry") {
    retry_policy policy;
    policy.secondary = true;
    call_state state = fresh(policy);
    CHECK(state.on_error(errc::closed, applied::no, moment()) == action::fail);
    call_state second = fresh(policy);
    REQUIRE(second.on_response(answer(500), applied::no, moment()) == action::wait);
    CHECK(second.on_error(errc::closed, applied::no, moment()) == action::fail);
}

TEST_CASE("a table that is being deleted is not requested in a loop whatever the service says") {
    retry_policy policy;
    policy.judge = &retry_policy::write_rule;
    response r = answer(409);
    r.body = R"({"odata.error":{"code":"TableBeingDeleted","message":{"lang":"en-US","value":"x"}}})";
    r.retry_after = "0";
    call_state state = fresh(policy);
    REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
    CHECK(state.delay() >= 500ms);
    r.retry_after = "20";
    REQUIRE(state.on_response(r, applied::no, moment()) == action::wait);
    CHECK(state.delay() >= 20s);
    policy.max_attempts = 1; // one attempt means no retry
    CHECK(fresh(policy).on_response(r, applied::no, moment()) == action::done);
}

TEST_CASE("a request that failed in transit may have been applied") {
    for (const unsigned status : {500u, 502u, 520u, 524u, 408u, 200u, 201u, 302u, 304u}) {
        CAPTURE(status);
        call_state state = fresh();
        state.on_response(answer(status), applied::no, moment());
        CHECK(state.applied() == (status == 200 ? applied::yes : applied::unknown));
    }
    for (const unsigned status : {400u, 403u, 404u, 409u, 412u, 429u, 501u}) {
        CAPTURE(status);
        call_state state = fresh();
        state.on_response(answer(status), applied::no, moment());
        CHECK(state.applied() == applied::no);
    }
}

TEST_CASE("a listing of several pages does not begin at the secondary") {
    retry_policy policy;
    policy.secondary = true;
    call_state state = fresh(policy);
    REQUIRE(state.on_response(answer(500), applied::no, moment()) == action::wait);
    response page = answer(200);
    page.next_row_key = "k";
    REQUIRE(state.on_response(page, applied::no, moment()) == action::wait);
    CHECK_FALSE(state.at_secondary());
}
