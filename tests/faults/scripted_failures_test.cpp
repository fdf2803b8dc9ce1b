// Every step of every operation, failed in every way, over a scripted network.

#include "support/all_operations.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"

#include <azkv/identity.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

using namespace azkv;
using namespace azkv::test;

namespace {

protocol::response response(unsigned status, std::string body = {}) {
    protocol::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

protocol::response with_hint(protocol::response r, std::string seconds, std::string milliseconds) {
    r.retry_after = std::move(seconds);
    r.retry_after_ms = std::move(milliseconds);
    return r;
}

// What Cosmos DB answers a batch with that it throttles.
protocol::response throttled_batch() {
    return response(202, "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 429 x\r\n\r\n"
                             + error_body("TooManyRequests", "0:slow down") + "\r\n--c--\r\n--b--\r\n");
}

/// How a step fails.
class failing {
public:
    failing(std::string name, boost::system::error_code ec, bool maybe_applied)
        : name(std::move(name)), code(ec), maybe_applied(maybe_applied) {}

    failing(std::string name, protocol::response r, boost::system::error_code code, bool maybe_applied)
        : name(std::move(name)), answer(std::move(r)), code(code), maybe_applied(maybe_applied) {}

    void play(scripted_transport& net) const {
        if (answer)
            net.answer(*answer);
        else
            net.fail(code, maybe_applied);
    }

    std::string name;
    std::optional<protocol::response> answer; // or else a failure of the network
    boost::system::error_code code;           // what the caller is told
    bool maybe_applied;
};

std::vector<failing> all_failures() {
    std::vector<failing> all;
    all.emplace_back("refused", asio::error::connection_refused, false);
    all.emplace_back("reset", asio::error::connection_reset, true);
    all.emplace_back("eof", asio::error::eof, true);
    all.emplace_back("late", errc::timed_out, true);
    all.emplace_back("late to connect", errc::timed_out, false);
    all.emplace_back("408", response(408), errc::timed_out, true);
    all.emplace_back("429", response(429), errc::throttled, false);
    all.emplace_back("429 with seconds", with_hint(response(429), "0", ""), errc::throttled, false);
    all.emplace_back("429 with milliseconds", with_hint(response(429), "", "1"), errc::throttled, false);
    for (const unsigned status : {500u, 502u, 503u, 504u}) {
        const std::string name = std::to_string(status);
        all.emplace_back(name, response(status), errc::server_error, true);
        all.emplace_back(name + " with seconds", with_hint(response(status), "0", ""), errc::server_error,
                         true);
        all.emplace_back(name + " with milliseconds", with_hint(response(status), "", "1"),
                         errc::server_error, true);
    }
    all.emplace_back("busy", response(503, error_body("ServerBusy")), errc::throttled, true);
    all.emplace_back("a proxy's page", response(502, "<html>Bad gateway</html>"), errc::server_error, true);
    return all;
}

void run(scripted_store& s, const operation_sample& op) {
    const std::string result = s.run(op.run(s.db));
    CHECK(result == op.result);
}

/// Whether a failure of step `at` says for certain if there was a write.
bool tells_of_writes(const operation_sample& op, std::size_t at) {
    return !op.writes() || op.writes_with(at);
}

store_options one_transaction_after_the_other() {
    return store_options().max_transactions(1).retry_budget(100);
}

template <class F>
void for_each_step(F f) {
    for (const operation_sample& op : all_operations()) {
        std::vector<failing> failures = all_failures();
        if (op.batches)
            failures.emplace_back("a 429 within a batch", throttled_batch(), errc::throttled, false);
        for (std::size_t at = 0; at < op.good.size(); ++at) {
            for (const failing& how : failures) {
                INFO(op.name, ", step ", at, ": ", how.name);
                f(op, at, how);
            }
        }
    }
}

} // namespace

TEST_CASE("any step may fail once, twice or three times without anybody noticing") {
    for_each_step([](const operation_sample& op, std::size_t at, const failing& how) {
        const std::size_t most = how.code == errc::throttled ? 2 : 3; // those wait for longer
        for (std::size_t times = 1; times <= most; ++times) {
            scripted_store s(one_transaction_after_the_other());
            for (std::size_t i = 0; i < op.good.size(); ++i) {
                for (std::size_t n = 0; i == at && n < times; ++n) how.play(*s.net);
                s.net->answer(op.good[i]);
            }
            run(s, op);
            CHECK(s.net->sent.size() == op.good.size() + times);
            CHECK(s.net->finished());
        }
    });
}

TEST_CASE("any step that fails for good is told, with whether it may have been applied") {
    for (const int attempts : {1, 3}) {
        for_each_step([&](const operation_sample& op, std::size_t at, const failing& how) {
            if (attempts > 1 && how.code == errc::throttled) return; // no number of attempts is for good
            scripted_store s(one_transaction_after_the_other().max_attempts(attempts));
            for (std::size_t i = 0; i < at; ++i) s.net->answer(op.good[i]);
            for (int n = 0; n < attempts; ++n) how.play(*s.net);
            const std::size_t others = op.batches ? op.good.size() - at - 1 : 0; // which go on
            for (std::size_t i = 0; i < others; ++i) s.net->answer(op.good[at + 1 + i]);
            const error e = failure_of([&] { run(s, op); });
            CHECK(e.code() == how.code);
            CHECK(e.status()
                  == static_cast<int>(how.answer && !op.batches ? how.answer->status : e.status()));
            CHECK(s.net->sent.size() == at + static_cast<std::size_t>(attempts) + others);
            CHECK(s.net->finished());
            if (tells_of_writes(op, at))
                CHECK(e.outcome_unknown() == (op.writes_with(at) && how.maybe_applied));
        });
    }
}

TEST_CASE("a step that is throttled until the time is over is told, with whether it may have been applied") {
    for_each_step([](const operation_sample& op, std::size_t at, const failing& how) {
        if (how.code != errc::throttled) return;
        scripted_store s(one_transaction_after_the_other().timeout(std::chrono::milliseconds(40)));
        for (std::size_t i = 0; i < at; ++i) s.net->answer(op.good[i]);
        for (int n = 0; n < 30; ++n) how.play(*s.net); // more than there is time for
        const error e = failure_of([&] { run(s, op); });
        CHECK(e.code() == errc::throttled);
        CHECK(s.net->sent.size() > at + 1);
        if (tells_of_writes(op, at)) CHECK(e.outcome_unknown() == (op.writes_with(at) && how.maybe_applied));
    });
}

TEST_CASE("put_all names the keys that are not written, and those that may be") {
    std::vector<failing> failures = all_failures();
    failures.emplace_back("a 429 within a batch", throttled_batch(), errc::throttled, false);
    for (const failing& how : failures) {
        for (std::size_t at = 0; at < 3; ++at) {
            INFO(how.name, " in transaction ", at);
            scripted_store s(one_transaction_after_the_other().max_attempts(1));
            for (std::size_t i = 0; i < 3; ++i) {
                if (i == at)
                    how.play(*s.net);
                else
                    s.net->answer(operation_named("put_all of three transactions")
                                      .good[i]); // also behind the one that fails: the others go on
            }
            std::vector<std::string> not_written;
            std::vector<std::string> unknown;
            try {
                s.run(operation_named("put_all of three transactions").run(s.db));
                FAIL("nothing was thrown");
            } catch (const put_all_error& e) {
                not_written = e.not_written();
                unknown = e.unknown();
            }
            const std::vector<std::string> failed{"k" + std::to_string(2 * at),
                                                  "k" + std::to_string(2 * at + 1)};
            const std::vector<std::string> none;
            CHECK(unknown == (how.maybe_applied ? failed : none));
            CHECK(not_written == (how.maybe_applied ? none : failed));
            CHECK(s.net->finished());
        }
    }
}

TEST_CASE("writes wait for a table that is being deleted, however often it takes") {
    for (const operation_sample& op : all_operations()) {
        if (!op.needs_table) continue;
        INFO(op.name);
        for (std::size_t at = 0; at < op.good.size(); ++at) {
            scripted_store s(one_transaction_after_the_other().max_attempts(2));
            for (std::size_t i = 0; i < op.good.size(); ++i) {
                for (int n = 0; i == at && n < 6; ++n) s.net->answer(409, error_body("TableBeingDeleted"));
                s.net->answer(op.good[i]);
            }
            run(s, op);
            CHECK(s.net->sent.size() == op.good.size() + 6);
        }
    }
}

TEST_CASE("what a first attempt may have done is not forgotten when there is no token for the next") {
    int asked = 0;
    const auto tokens = [&](token_request) -> asio::awaitable<access_token> {
        co_await asio::this_coro::executor;
        if (++asked > 1) throw error(errc::authentication_failed, "not again");
        co_return access_token(secret("t"), std::chrono::system_clock::now() + std::chrono::hours(1));
    };
    scripted_store s(store_options(), "https://acct.table.core.windows.net",
                     credential::token(callback_credential(tokens)));
    s.net->fail(asio::error::eof, true);
    protocol::response refused = response(401);
    refused.challenge = "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"";
    s.net->answer(refused);
    const error e = failure_of([&] { run(s, operation_named("put")); });
    CHECK(asked == 2);
    CHECK(e.code() == errc::authentication_failed);
    CHECK(e.outcome_unknown());
}
