// The token cache: how long tokens are kept, which call requests a new one, and which calls wait.

#include "async/manual_reset_event.hpp"
#include "identity/tokens/token_cache.hpp"
#include "support/spawned.hpp"
#include "support/test_secrets.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <list>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using identity::state_of;
using identity::token_cache;
using identity::token_caller;
using identity::token_state;

namespace {

using wall_time = access_token::time_point;

const wall_time noon = std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 12h;

token_request storage() {
    return token_request("https://storage.azure.com/.default");
}

// The tokens of the credentials below, numbered to distinguish them.
std::string numbered(int n) {
    return secrets::token + std::to_string(n);
}

bool is_token(const secret& s, int n) {
    return s.reveal() == numbered(n);
}

/// Returns a new token for each request, after `gate` is open.
class gated_source final : public token_credential {
public:
    asio::awaitable<access_token> token(token_request request) override {
        const int n = ++asked;
        last_tenant = request.tenant();
        if (gate) {
            const std::shared_ptr<async::manual_reset_event> open = gate;
            try {
                co_await open->wait(std::chrono::steady_clock::time_point::max());
            } catch (const boost::system::system_error&) {
                ++cancelled;
                throw;
            }
        }
        if (failure) std::rethrow_exception(failure);
        co_return access_token(secret(numbered(n)), *now + lifetime);
    }

    std::shared_ptr<async::manual_reset_event> gate; // null: returns at once
    std::exception_ptr failure;                      // null: does not fail
    std::shared_ptr<wall_time> now = std::make_shared<wall_time>(noon);
    // The steady clock. Advances with the other one, unless that is set.
    std::shared_ptr<std::chrono::steady_clock::time_point> ticks =
        std::make_shared<std::chrono::steady_clock::time_point>(std::chrono::hours(1));
    std::chrono::seconds lifetime = 1h;
    std::atomic<int> asked{0};
    std::atomic<int> cancelled{0};
    std::string last_tenant;
};

/// A call and its outcome.
class call : public spawned<secret> {
public:
    bool aborted() const { return code() == asio::error::operation_aborted; }

    const secret& token = result;
};

class fixture {
public:
    fixture() { close(); }

    void close() { source->gate = std::make_shared<async::manual_reset_event>(context.get_executor()); }

    void open() { source->gate->set(); }

    /// Advances both clocks.
    void pass(std::chrono::seconds s) {
        *source->now += s;
        *source->ticks += s;
    }

    token_caller caller(std::chrono::steady_clock::duration patience = 1h) {
        return token_caller(context.get_executor(), true, std::chrono::steady_clock::now() + patience);
    }

    call& begin(token_request request = storage(), secret rejected = {}) {
        return begin_as(caller(), std::move(request), std::move(rejected));
    }

    call& begin_as(token_caller as, token_request request = storage(), secret rejected = {}) {
        call& c = calls.emplace_back();
        auto op = tokens->token(std::move(request), std::move(rejected), as);
        c.start_cancellable(as.executor, std::move(op));
        return c;
    }

    /// Runs all ready handlers.
    void settle() {
        context.restart();
        context.poll();
    }

    void finish() {
        context.restart();
        context.run();
    }

    asio::io_context context;
    std::shared_ptr<gated_source> source = std::make_shared<gated_source>();
    std::shared_ptr<token_cache> tokens = std::make_shared<token_cache>(
        source, [now = source->now] { return *now; }, [ticks = source->ticks] { return *ticks; });
    std::list<call> calls;
};

} // namespace

TEST_CASE("when a token is due and when it has expired") {
    access_token hour(secret(numbered(1)), noon + 1h);
    CHECK(state_of(hour, noon, noon) == token_state::good);
    CHECK(state_of(hour, noon, noon + 55min - 1s) == token_state::good);
    CHECK(state_of(hour, noon, noon + 55min) == token_state::due);
    CHECK(state_of(hour, noon, noon + 1h - 11s) == token_state::due);
    CHECK(state_of(hour, noon, noon + 1h - 10s) == token_state::expired);
    CHECK(state_of(hour, noon, noon + 2h) == token_state::expired);

    hour.refresh_on(noon + 30min);
    CHECK(state_of(hour, noon, noon + 30min - 1s) == token_state::good);
    CHECK(state_of(hour, noon, noon + 30min) == token_state::due);

    const access_token brief(secret(numbered(1)), noon + 20s);
    CHECK(state_of(brief, noon, noon + 14s) == token_state::good);
    CHECK(state_of(brief, noon, noon + 15s) == token_state::due);
    CHECK(state_of(brief, noon, noon + 18s) == token_state::expired);

    const access_token stale(secret(numbered(1)), noon - 1h);
    CHECK(state_of(stale, noon, noon) == token_state::expired);
}

TEST_CASE("a token is kept by scope and tenant until it expires") {
    fixture f;
    f.source->gate = nullptr;
    const bool none = f.tokens->try_get_cached(storage()).empty();
    CHECK(none);
    f.begin();
    f.finish();
    CHECK(is_token(f.calls.back().token, 1));
    CHECK(is_token(f.tokens->try_get_cached(storage()), 1));
    f.begin();
    f.finish();
    CHECK(f.source->asked == 1);

    token_request elsewhere = storage();
    elsewhere.tenant("other.example");
    f.begin(elsewhere);
    f.begin(token_request("https://cosmos.azure.com/.default"));
    f.finish();
    CHECK(f.source->asked == 3);
    CHECK(is_token(f.tokens->try_get_cached(storage()), 1));

    f.pass(2h);
    const bool expired = f.tokens->try_get_cached(storage()).empty();
    CHECK(expired);
    f.begin();
    f.finish();
    CHECK(is_token(f.calls.back().token, 4));
}

TEST_CASE("a hundred calls cause one request") {
    fixture f;
    for (int i = 0; i < 100; ++i) f.begin();
    f.settle();
    CHECK(f.source->asked == 1);
    f.open();
    f.finish();
    for (const call& c : f.calls) {
        CHECK(c.done);
        CHECK(is_token(c.token, 1));
    }
    CHECK(f.source->asked == 1);
}

TEST_CASE("a cancelled call does not cancel the request of the others") {
    fixture f;
    call& first = f.begin();
    call& second = f.begin();
    call& third = f.begin();
    f.settle();
    SUBCASE("not even the one that began it") {
        first.signal.emit(asio::cancellation_type::terminal);
    }
    SUBCASE("not one that joined it") {
        second.signal.emit(asio::cancellation_type::terminal);
    }
    f.settle();
    CHECK(first.done != second.done);
    CHECK((first.aborted() || second.aborted()));
    CHECK(f.source->cancelled == 0);
    f.open();
    f.finish();
    CHECK(is_token(third.token, 1));
    CHECK(f.source->asked == 1);
}

TEST_CASE("a request that no call waits for is cancelled and forgotten") {
    fixture f;
    for (int i = 0; i < 3; ++i) f.begin();
    f.settle();
    for (call& c : f.calls) c.signal.emit(asio::cancellation_type::terminal);
    f.finish(); // returns: nothing is in flight
    for (const call& c : f.calls) CHECK(c.aborted());
    CHECK(f.source->cancelled == 1);

    f.source->gate = nullptr;
    f.begin();
    f.finish();
    CHECK(is_token(f.calls.back().token, 2));
}

TEST_CASE("partial cancellation does not affect a call") {
    fixture f;
    call& c = f.begin();
    f.settle();
    c.signal.emit(asio::cancellation_type::partial);
    c.signal.emit(asio::cancellation_type::total);
    f.settle();
    CHECK_FALSE(c.done);
    f.open();
    f.finish();
    CHECK(is_token(c.token, 1));
}

TEST_CASE("a call waits no longer than its limit") {
    fixture f;
    call& patient = f.begin();
    call& hasty = f.begin_as(f.caller(1ms));
    run_until(f.context, [&] { return hasty.done; });
    CHECK(hasty.code() == errc::timed_out);
    CHECK_FALSE(patient.done);
    f.open();
    f.finish();
    CHECK(is_token(patient.token, 1));
    CHECK(f.source->asked == 1);
}

TEST_CASE("one call replaces a due token while the others use it") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    f.pass(56min);
    f.close();
    call& first = f.begin();
    f.settle();
    CHECK_FALSE(first.done); // this one requests the token
    CHECK(is_token(f.tokens->try_get_cached(storage()), 1));
    call& second = f.begin();
    f.settle();
    CHECK(second.done);
    CHECK(is_token(second.token, 1));
    f.open();
    f.finish();
    CHECK(is_token(first.token, 2));
    CHECK(is_token(f.tokens->try_get_cached(storage()), 2));
    CHECK(f.source->asked == 2);
}

TEST_CASE("an early request that fails leaves the valid token") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    f.pass(56min);
    f.source->failure = std::make_exception_ptr(error(errc::server_error, "down"));
    call& c = f.begin();
    f.finish();
    CHECK(is_token(c.token, 1));
    CHECK(f.source->asked == 2);
    CHECK(is_token(f.tokens->try_get_cached(storage()), 1)); // no new request at once
    f.pass(29s);
    f.begin();
    f.finish();
    CHECK(f.source->asked == 2);
    f.pass(1s);
    call& later = f.begin();
    f.finish();
    CHECK(f.source->asked == 3);
    CHECK(is_token(later.token, 1));

    f.pass(4min); // the token has expired
    call& last = f.begin();
    f.finish();
    CHECK(last.code() == errc::server_error);
}

TEST_CASE("an early request that is cancelled does not start again at once") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    f.pass(56min);
    f.close();
    call& c = f.begin();
    f.settle();
    c.signal.emit(asio::cancellation_type::terminal);
    f.finish();
    CHECK(c.aborted());
    CHECK(f.source->cancelled == 1);
    CHECK(is_token(f.tokens->try_get_cached(storage()), 1));
}

TEST_CASE("all waiting calls receive a failure which is not cached") {
    fixture f;
    f.source->failure = std::make_exception_ptr(error(errc::authentication_failed, "no"));
    for (int i = 0; i < 5; ++i) f.begin();
    f.settle();
    f.open();
    f.finish();
    for (const call& c : f.calls) CHECK(c.code() == errc::authentication_failed);
    CHECK(f.source->asked == 1);
    f.source->failure = nullptr;
    f.source->gate = nullptr;
    call& again = f.begin();
    f.finish();
    CHECK(is_token(again.token, 2));
}

TEST_CASE("exceptions of the program's own source become errors of the library") {
    fixture f;
    f.source->gate = nullptr;
    f.source->failure = std::make_exception_ptr(std::runtime_error("vault " + secrets::token));
    call& c = f.begin();
    f.finish();
    CHECK(c.code() == errc::authentication_failed);
    const error e = failure_of([&] { std::rethrow_exception(c.failure); });
    const bool tells = contains(e.what(), secrets::token);
    CHECK_FALSE(tells);
    const bool kept = contains(e.server_message(), "vault");
    CHECK(kept);

    f.source->failure = std::make_exception_ptr(boost::system::system_error(asio::error::connection_refused));
    f.begin();
    f.finish();
    const error refused = failure_of([&] { std::rethrow_exception(f.calls.back().failure); });
    CHECK(refused.code() == condition::transient);
}

TEST_CASE("a rejected token is replaced once for all calls") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    const secret refused = f.calls.back().token;
    f.close();
    for (int i = 0; i < 10; ++i) f.begin(storage(), refused);
    f.settle();
    f.open();
    f.finish();
    f.begin(storage(), refused); // arrives late
    f.finish();
    CHECK(f.source->asked == 2);
    for (const call& c : f.calls)
        if (&c != &f.calls.front()) CHECK(is_token(c.token, 2));
}

TEST_CASE("tokens with and without claims are distinct") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    const secret refused = f.calls.back().token;
    f.pass(56min); // the token is due
    f.close();
    call& early = f.begin();
    f.settle();
    CHECK(f.source->asked == 2);
    token_request with_claims = storage();
    with_claims.claims("{}");
    call& challenged = f.begin(with_claims, refused);
    call& also = f.begin(with_claims, refused);
    f.settle();
    CHECK(f.source->asked == 3); // not the one in flight
    f.open();
    f.finish();
    CHECK(is_token(early.token, 2));
    CHECK(is_token(challenged.token, 3));
    CHECK(is_token(also.token, 3));
    f.source->gate = nullptr;
    call& late = f.begin(with_claims, refused);
    f.finish();
    CHECK(!late.token.empty());
}

TEST_CASE("a token rejected for an unknown reason is dropped but not repeatedly") {
    fixture f;
    f.source->gate = nullptr;
    const auto refuse = [&] {
        call& c = f.begin();
        f.finish();
        f.tokens->invalidate(storage(), c.token);
    };
    for (int i = 0; i < 5; ++i) refuse();
    CHECK(f.source->asked == 2);
    f.pass(30s);
    refuse();
    refuse();
    CHECK(f.source->asked == 3);
}

TEST_CASE("a clock that is set back or forward does not change how soon a token is requested again") {
    for (const auto set : {std::chrono::minutes(-1440), std::chrono::minutes(-60), std::chrono::minutes(-1),
                           std::chrono::minutes(1)}) {
        CAPTURE(set.count());
        fixture f;
        f.source->gate = nullptr;
        f.source->lifetime = 48h;
        const auto refuse = [&] {
            call& c = f.begin();
            f.finish();
            f.tokens->invalidate(storage(), c.token);
        };
        refuse();
        refuse();
        CHECK(f.source->asked == 2);
        *f.source->now += set;
        refuse();
        CHECK(f.source->asked == 2);
        f.pass(30s);
        refuse();
        refuse();
        CHECK(f.source->asked == 3);
    }
}

TEST_CASE("a clock that is set back does not delay the next early request") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    f.pass(56min);
    f.source->failure = std::make_exception_ptr(error(errc::server_error, "down"));
    f.begin();
    f.finish();
    CHECK(f.source->asked == 2);
    *f.source->now -= 1min; // the token is still due
    f.source->failure = nullptr;
    f.pass(29s);
    f.begin();
    f.finish();
    CHECK(f.source->asked == 2);
    f.pass(1s);
    call& c = f.begin();
    f.finish();
    CHECK(f.source->asked == 3);
    CHECK(is_token(c.token, 3));
}

TEST_CASE("an early request leaves a call time to use the old token") {
    fixture f;
    f.source->gate = nullptr;
    f.begin();
    f.finish();
    f.pass(56min);
    f.close();
    f.context.restart();
    call& c = f.begin_as(f.caller(2s));
    const auto begin = std::chrono::steady_clock::now();
    run_until(f.context, [&] { return c.done; });
    CHECK(std::chrono::steady_clock::now() - begin < 1500ms);
    CHECK(is_token(c.token, 1));
    f.finish();
    CHECK(f.source->cancelled == 1);
}

TEST_CASE("a request on an executor that no longer runs is restarted on another") {
    fixture f;
    asio::io_context other;
    auto theirs = std::make_shared<async::manual_reset_event>(other.get_executor());
    f.source->gate = theirs;
    const auto far = std::chrono::steady_clock::now() + 1h;
    call& blocking = f.begin_as(token_caller(other.get_executor(), false, far));
    other.poll();
    CHECK(f.source->asked == 1);
    call& waiting = f.begin();
    f.settle();
    CHECK(f.source->asked == 1);
    f.source->gate = nullptr;
    blocking.signal.emit(asio::cancellation_type::terminal);
    other.restart();
    other.poll();
    CHECK(blocking.aborted());
    f.finish();
    CHECK(is_token(waiting.token, 2));
    CHECK(f.source->asked == 2);
}

TEST_CASE("a request is destroyed with its execution context and calls that wait elsewhere start a new one") {
    fixture f;
    auto other = std::make_unique<asio::io_context>();
    f.source->gate = std::make_shared<async::manual_reset_event>(other->get_executor());
    const auto far = std::chrono::steady_clock::now() + 1h;
    f.begin_as(token_caller(other->get_executor(), true, far));
    other->poll();
    CHECK(f.source->asked == 1);
    call& waiting = f.begin();
    call& also = f.begin();
    f.settle();
    CHECK(f.source->asked == 1);
    f.source->gate = nullptr;
    other.reset();
    f.finish();
    CHECK(is_token(waiting.token, 2));
    CHECK(is_token(also.token, 2));
    CHECK(f.source->asked == 2);
}

TEST_CASE("a context with waiting calls may be destroyed") {
    auto f = std::make_unique<fixture>();
    for (int i = 0; i < 5; ++i) f->begin();
    f->settle();
    CHECK(f->source->asked == 1);
    f.reset(); // run under AddressSanitizer
}

TEST_CASE("many threads with tokens that expire all the time") {
    asio::thread_pool threads(4);
    const auto source = std::make_shared<gated_source>();
    source->lifetime = 0s; // expired on arrival
    const auto tokens = std::make_shared<token_cache>(source);
    std::atomic<int> got{0};
    const auto far = std::chrono::steady_clock::now() + 1h;
    const auto work = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 200; ++i) {
            const secret s =
                co_await tokens->token(storage(), secret(), token_caller(threads.get_executor(), true, far));
            got += !s.empty();
        }
    };
    for (int i = 0; i < 16; ++i) asio::co_spawn(threads, work(), asio::detached);
    threads.join();
    CHECK(got == 16 * 200);

    // The same with tokens that last: one is enough for all calls.
    asio::thread_pool more(4);
    const auto lasting = std::make_shared<gated_source>();
    const auto kept = std::make_shared<token_cache>(lasting, [] { return noon; });
    std::atomic<int> same{0};
    const auto take = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 200; ++i) {
            const secret s =
                co_await kept->token(storage(), secret(), token_caller(more.get_executor(), true, far));
            same += is_token(s, 1);
        }
    };
    for (int i = 0; i < 16; ++i) asio::co_spawn(more, take(), asio::detached);
    more.join();
    CHECK(same == 16 * 200);
    CHECK(lasting->asked == 1);
}
