// Every path of a call, as plain function calls: no socket, no clock, no coroutine.

#include "client/call_flow.hpp"
#include "client/service_context.hpp"
#include "net/transport.hpp"
#include "protocol/lost_write.hpp"
#include "protocol/requests.hpp"
#include "support/fixtures.hpp"
#include "support/run.hpp"
#include "support/test_account.hpp"

#include <azkv/error.hpp>
#include <azkv/token_credential.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using protocol::applied;
using step = client::call_flow::step;

namespace {

const codec::entity_key key("default", "k");

protocol::request a_put() {
    protocol::request r = protocol::upsert_entity("T", key, "{}");
    r.table = "T";
    return r;
}

protocol::request a_get() {
    return protocol::get_entity("T", key, "");
}

std::string body_of(const std::string& code) {
    return R"({"odata.error":{"code":")" + code + R"(","message":{"lang":"en-US","value":"m"}}})";
}

/// Never asked: tokens are passed to the flow by hand.
class no_source final : public token_credential {
public:
    asio::awaitable<access_token> token(token_request) override { throw std::logic_error("not to be asked"); }
};

/// A call whose driver is the test.
class driven {
public:
    explicit driven(protocol::request r, store_options o = {}, const credential& c = test_credential(),
                    const std::string& url = "https://acct.table.core.windows.net")
        : service(url, c, std::move(o)), settings(service.settings()), request(std::move(r)),
          flow(service, settings, request, now.steady + 10s, 1, result) {}

    step respond(unsigned status, const std::string& code = {}) {
        protocol::response r;
        r.status = status;
        if (!code.empty()) r.body = body_of(code);
        return respond(std::move(r));
    }

    step respond(protocol::response r, applied earlier = applied::no) {
        result.response = std::move(r);
        net::exchange x(result.response);
        x.applied = earlier;
        return flow.exchanged(x, now);
    }

    step fail(boost::system::error_code ec, applied sent = applied::unknown, bool overloaded = false) {
        result.response = protocol::response();
        net::exchange x(result.response);
        x.phase = "waiting for a response from";
        x.error = ec;
        x.applied = sent;
        x.overloaded = overloaded;
        return flow.exchanged(x, now);
    }

    const client::call_result& settled() {
        flow.settle();
        return result;
    }

    protocol::clocks now = protocol::clocks::now();
    client::service_context service;
    client::call_settings settings;
    protocol::request request;
    client::call_result result;
    client::call_flow flow;
};

} // namespace

TEST_CASE("a call that succeeds is one request") {
    driven put(a_put());
    REQUIRE(put.flow.begin() == step::wait_turn);
    CHECK(put.flow.request().name == "put entity");
    CHECK(put.flow.attempt() == 1);
    REQUIRE(put.respond(204) == step::done);
    CHECK(put.settled().succeeded);
    CHECK(put.result.applied == applied::yes);
    CHECK(put.result.applied_earlier == applied::no);
    CHECK(put.result.retry_summary.empty());
    CHECK(put.flow.last_attempt().reason.empty());
    CHECK_FALSE(put.flow.last_attempt().next_after);
}

TEST_CASE("a busy service is asked again after a pause") {
    driven get(a_get());
    REQUIRE(get.flow.begin() == step::wait_turn);
    REQUIRE(get.respond(500) == step::pause);
    CHECK(get.flow.last_attempt().attempt == 1);
    CHECK(get.flow.last_attempt().reason == "the service failed");
    CHECK(get.flow.last_attempt().next_after == get.flow.delay());
    CHECK(get.flow.delay() >= 50ms);
    REQUIRE(get.flow.pause_over() == step::wait_turn);
    CHECK(get.flow.attempt() == 2);
    REQUIRE(get.respond(404, "ResourceNotFound") == step::done);
    CHECK_FALSE(get.settled().succeeded);
    CHECK(get.result.retry_summary == ", after 2 attempts");
    CHECK(get.result.applied == applied::no); // it only reads
}

TEST_CASE("the attempts are those of the settings and the last answer is the result") {
    driven once(a_put(), store_options().max_attempts(2));
    once.flow.begin();
    REQUIRE(once.respond(500) == step::pause);
    REQUIRE(once.respond(502) == step::done);
    CHECK(once.settled().response.status == 502);
    CHECK(once.result.applied == applied::unknown);
    CHECK(once.flow.last_attempt().reason == "no attempt is left");

    driven failed(a_put(), store_options().max_attempts(1));
    failed.flow.begin();
    REQUIRE(failed.fail(asio::error::eof) == step::done);
    CHECK(failed.settled().error == asio::error::eof);
    CHECK(failed.result.why
          == "waiting for a response from acct.table.core.windows.net: "
                 + boost::system::error_code(asio::error::eof).message());
    CHECK(failed.result.response.status == 0);
    CHECK(failed.result.applied == applied::unknown);
}

TEST_CASE("a pause that would outlast the deadline is not begun") {
    driven put(a_put());
    put.flow.begin();
    put.now.steady += 10s;
    REQUIRE(put.respond(500) == step::done);
    CHECK(put.settled().retry_summary == "; no time is left for another attempt");
}

TEST_CASE("what an attempt without an answer did is told apart from the last answer") {
    driven erase(protocol::delete_entity("T", key));
    erase.flow.begin();
    REQUIRE(erase.fail(asio::error::eof) == step::pause);
    REQUIRE(erase.flow.pause_over() == step::wait_turn);
    REQUIRE(erase.respond(404, "ResourceNotFound") == step::done);
    CHECK(erase.settled().applied_earlier == applied::unknown);

    driven refused(protocol::delete_entity("T", key));
    refused.flow.begin();
    REQUIRE(refused.fail(asio::error::connection_refused, applied::no) == step::pause);
    REQUIRE(refused.respond(404, "ResourceNotFound") == step::done);
    CHECK(refused.settled().applied_earlier == applied::no);

    driven twice(protocol::delete_entity("T", key)); // sent twice in one attempt
    twice.flow.begin();
    protocol::response gone;
    gone.status = 404;
    gone.body = body_of("ResourceNotFound");
    REQUIRE(twice.respond(gone, applied::unknown) == step::done);
    CHECK(twice.settled().applied_earlier == applied::unknown);
}

TEST_CASE("a conditional write in doubt is resolved before it is sent again") {
    const etag given("W/\"1\"");
    const auto row_with = [](const std::string& version) {
        protocol::response r;
        r.status = 200;
        r.body = R"({"odata.etag":"W/\")" + version + R"(\"","PartitionKey":"default","RowKey":"k"})";
        return r;
    };
    const auto replace = [&](protocol::lost_write& w) {
        protocol::request r = protocol::replace_entity("T", key, "{}", given.text());
        r.idempotency = protocol::idempotency::verify_after_loss;
        r.resolver = &w;
        return r;
    };
    protocol::lost_write::terms terms;
    terms.given = given;

    protocol::lost_write w("T", key, terms);
    driven put(replace(w));
    put.flow.begin();
    REQUIRE(put.fail(asio::error::eof) == step::wait_turn);
    CHECK(put.flow.request().name == "verify write");
    REQUIRE(put.respond(row_with("1")) == step::pause);
    CHECK(put.flow.request().name == "replace entity");
    REQUIRE(put.flow.pause_over() == step::wait_turn);
    REQUIRE(put.respond(412, "UpdateConditionNotSatisfied") == step::wait_turn); // perhaps its own first send
    CHECK(put.flow.request().name == "verify write");
    REQUIRE(put.respond(row_with("2")) == step::done);
    CHECK(put.settled().response.status == 412);
    CHECK(put.result.applied == applied::unknown);
    CHECK(put.result.retry_summary == ", after 2 attempts");

    // A clean refusal needs no read.
    protocol::lost_write clean("T", key, terms);
    driven refused(replace(clean));
    refused.flow.begin();
    REQUIRE(refused.respond(412, "UpdateConditionNotSatisfied") == step::done);
    CHECK(refused.settled().applied == applied::no);

    // The pause counts from the loss, and ends before the deadline or not at all.
    protocol::lost_write late("T", key, terms);
    driven slow(replace(late));
    slow.flow.begin();
    REQUIRE(slow.fail(asio::error::eof) == step::wait_turn);
    slow.now.steady += 11s; // the read took longer than there was time
    REQUIRE(slow.respond(row_with("1")) == step::done);
    CHECK(slow.settled().error == asio::error::eof);
    CHECK(slow.result.applied == applied::unknown);

    // What befalls the read does not become the result.
    for (const bool turn_missed : {true, false}) {
        protocol::lost_write unresolved("T", key, terms);
        driven failing(replace(unresolved));
        failing.flow.begin();
        REQUIRE(failing.fail(asio::error::eof) == step::wait_turn);
        const step end = turn_missed ? failing.flow.turn_missed(false, client::pacing::summary())
                                     : failing.respond(403, "AuthorizationFailure");
        REQUIRE(end == step::done);
        CHECK(failing.settled().error == asio::error::eof);
        CHECK(failing.result.applied == applied::unknown);
    }
}

TEST_CASE("an insert in doubt whose table is missing creates it and stays in doubt") {
    protocol::lost_write w("T", key, protocol::lost_write::terms());
    protocol::request r = protocol::insert_entity("T", "{}");
    r.table = "T";
    r.resolver = &w;
    driven insert(std::move(r));
    insert.flow.begin();
    REQUIRE(insert.fail(asio::error::eof) == step::wait_turn);
    REQUIRE(insert.respond(404, "TableNotFound") == step::pause);
    insert.flow.pause_over();
    REQUIRE(insert.respond(404, "TableNotFound") == step::wait_turn);
    CHECK(insert.flow.request().name == "create table");
    REQUIRE(insert.respond(204) == step::wait_turn);
    REQUIRE(insert.respond(409, "EntityAlreadyExists") == step::wait_turn);
    CHECK(insert.flow.request().name == "verify write");
    REQUIRE(insert.respond(404, "ResourceNotFound") == step::pause); // erased meanwhile
    insert.flow.pause_over();
    REQUIRE(insert.respond(204) == step::done);
    CHECK(insert.settled().succeeded);
}

TEST_CASE("a write creates its table and is sent again") {
    for (const bool other_was_faster : {false, true}) {
        driven put(a_put());
        put.flow.begin();
        REQUIRE(put.respond(404, "TableNotFound") == step::wait_turn);
        CHECK(put.flow.request().name == "create table");
        CHECK(put.flow.request().body == R"({"TableName":"T"})");
        CHECK(put.flow.attempt() == 1);
        const step next = other_was_faster ? put.respond(409, "TableAlreadyExists") : put.respond(204);
        REQUIRE(next == step::wait_turn);
        CHECK(put.flow.request().name == "put entity");
        REQUIRE(put.respond(204) == step::done);
        CHECK(put.settled().succeeded);
    }
    driven get(a_get()); // reading creates nothing
    get.flow.begin();
    CHECK(get.respond(404, "TableNotFound") == step::done);
    driven elsewhere(a_put()); // nor does a 404 that is not about a table
    elsewhere.flow.begin();
    CHECK(elsewhere.respond(404, "ResourceNotFound") == step::done);
    driven cosmos(a_put(), store_options().mode(service_mode::cosmos));
    cosmos.flow.begin();
    CHECK(cosmos.respond(404, "ResourceNotFound") == step::wait_turn);
    CHECK(cosmos.flow.request().name == "create table");
}

TEST_CASE("a table is created once in a call and a refusal to create it is the result") {
    driven put(a_put());
    put.flow.begin();
    put.respond(404, "TableNotFound");
    put.respond(204);
    REQUIRE(put.respond(404, "TableNotFound") == step::done);
    CHECK(put.settled().response.status == 404);
    CHECK_FALSE(put.result.creating_table);

    driven refused(a_put());
    refused.flow.begin();
    REQUIRE(refused.fail(asio::error::eof) == step::pause);
    REQUIRE(refused.respond(404, "TableNotFound") == step::wait_turn);
    REQUIRE(refused.respond(403, "AuthorizationFailure") == step::done);
    CHECK(refused.settled().response.status == 403);
    CHECK(refused.result.creating_table);
    CHECK(refused.result.applied == applied::unknown); // the put whose answer was lost may arrive late
}

TEST_CASE("the attempts and the deadline are those of the whole call with the creation of its table") {
    driven put(a_put(), store_options().max_attempts(3));
    put.flow.begin();
    REQUIRE(put.respond(500) == step::pause);
    REQUIRE(put.respond(404, "TableNotFound") == step::wait_turn);
    REQUIRE(put.respond(500) == step::pause); // of the creation
    CHECK(put.flow.last_attempt().attempt == 1);
    REQUIRE(put.respond(204) == step::wait_turn);
    REQUIRE(put.respond(500) == step::done); // the third that failed
    CHECK(put.flow.last_attempt().reason == "no attempt is left");
    CHECK(put.settled().retry_summary == ", after 3 attempts");

    driven never(a_put(), store_options().max_attempts(1)); // never retries, but creates
    never.flow.begin();
    REQUIRE(never.respond(404, "TableNotFound") == step::wait_turn);
    REQUIRE(never.respond(204) == step::wait_turn);
    CHECK(never.respond(204) == step::done);

    driven late(a_put());
    late.flow.begin();
    late.respond(404, "TableNotFound");
    late.now.steady += 10s;
    REQUIRE(late.respond(503, "Busy") == step::done);
    CHECK(late.flow.last_attempt().reason == "no time is left for another attempt");
}

TEST_CASE("a table that is being deleted is waited for by those who write to it") {
    driven put(a_put());
    put.flow.begin();
    REQUIRE(put.respond(409, "TableBeingDeleted") == step::pause);
    CHECK(put.flow.delay() >= 500ms);
    driven erase(protocol::delete_entity("T", key));
    erase.flow.begin();
    CHECK(erase.respond(409, "TableBeingDeleted") == step::done);
}

TEST_CASE("a token comes before the request") {
    const credential c = credential::token(std::make_shared<no_source>());
    driven get(a_get(), {}, c);
    REQUIRE(get.flow.begin() == step::get_token);
    CHECK(get.flow.wanted_token().scope() == "https://storage.azure.com/.default");
    CHECK(get.flow.token().empty());
    REQUIRE(get.flow.token_ready(secret("t1")) == step::wait_turn);
    CHECK(get.flow.token().reveal() == "t1");
    REQUIRE(get.respond(200) == step::done);
}

TEST_CASE("a challenge is answered once") {
    const std::string challenge = "Bearer realm=\"\", error=\"insufficient_claims\", "
                                  "claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==\"";
    protocol::response refusal;
    refusal.status = 401;
    refusal.challenge = challenge;
    driven put(a_put(), {}, credential::token(std::make_shared<no_source>()));
    put.flow.begin();
    put.flow.token_ready(secret("t1"));
    REQUIRE(put.respond(refusal) == step::get_token);
    CHECK(put.flow.last_attempt().challenged);
    CHECK(put.flow.last_attempt().reason == "the service requires another token");
    CHECK_FALSE(put.flow.wanted_token().claims().empty());
    CHECK(put.flow.token().reveal() == "t1"); // the one that was rejected
    REQUIRE(put.flow.token_ready(secret("t2")) == step::wait_turn);
    CHECK(put.flow.attempt() == 1);
    REQUIRE(put.respond(refusal) == step::done);
    CHECK_FALSE(put.flow.last_attempt().challenged);
    CHECK(put.settled().response.status == 401);
    CHECK(put.result.applied == applied::no);

    driven creating(a_put(), {}, credential::token(std::make_shared<no_source>()));
    creating.flow.begin();
    creating.flow.token_ready(secret("t1"));
    REQUIRE(creating.respond(refusal) == step::get_token);
    creating.flow.token_ready(secret("t2"));
    REQUIRE(creating.respond(404, "TableNotFound") == step::get_token); // each request may be challenged
    CHECK(creating.flow.request().name == "create table");
    creating.flow.token_ready(secret("t2"));
    CHECK(creating.respond(refusal) == step::get_token);

    driven signed_put(a_put()); // there is no other key
    signed_put.flow.begin();
    CHECK(signed_put.respond(refusal) == step::done);
}

TEST_CASE("a throttled request waits for its turn without a pause") {
    driven put(a_put(), store_options().max_attempts(2));
    put.flow.begin();
    for (int i = 0; i < 100; ++i) {
        REQUIRE(put.respond(429, "TooManyRequests") == step::pause);
        CHECK(put.flow.last_attempt().throttled);
        CHECK(put.flow.delay() == 0ms);
        REQUIRE(put.flow.pause_over() == step::wait_turn);
    }
    client::pacing::summary pace;
    pace.waiting = 12;
    pace.rate = 1993;
    REQUIRE(put.flow.turn_missed(true, pace) == step::done);
    CHECK(put.settled().response.status == 429); // which says more than the wait
    CHECK(put.result.retry_summary == ", after 100 attempts; no time is left for another attempt");
    CHECK(put.result.applied == applied::no);
}

TEST_CASE("a call whose turn does not come is not sent") {
    client::pacing::summary pace;
    pace.waiting = 12;
    pace.rate = 1993;
    driven late(a_put());
    late.flow.begin();
    REQUIRE(late.flow.turn_missed(true, pace) == step::done);
    CHECK(late.settled().error == errc::timed_out);
    CHECK(late.result.why
          == "waiting for its turn at acct.table.core.windows.net: "
                 + make_error_code(errc::timed_out).message()
                 + " (paced: 12 calls wait, 1993 entities a second)");
    CHECK(late.result.applied == applied::no);

    driven full(a_put());
    full.flow.begin();
    REQUIRE(full.flow.turn_missed(false, pace) == step::done);
    CHECK(full.settled().error == errc::overloaded);

    driven no_connection(a_put());
    no_connection.flow.begin();
    REQUIRE(no_connection.fail(errc::overloaded, applied::no, true) == step::done);
    CHECK(no_connection.settled().error == errc::overloaded);
    CHECK(no_connection.result.applied == applied::no);
}

TEST_CASE(
    "reads alternate between the endpoints and what is missing at the secondary is asked of the primary") {
    driven get(a_get(), store_options().secondary_reads(true));
    REQUIRE(get.flow.begin() == step::send); // no pace: the other endpoint may answer
    CHECK_FALSE(get.flow.keeps_pace());
    CHECK(get.flow.target().at.host == "acct.table.core.windows.net");
    REQUIRE(get.respond(503) == step::pause);
    CHECK(get.flow.target().at.host == "acct-secondary.table.core.windows.net");
    REQUIRE(get.flow.pause_over() == step::send);
    REQUIRE(get.respond(404, "ResourceNotFound") == step::pause);
    CHECK(get.flow.delay() == 0ms);
    CHECK(get.flow.target().at.host == "acct.table.core.windows.net");
    CHECK(get.respond(404, "ResourceNotFound") == step::done);

    driven put(a_put(), store_options().secondary_reads(true));
    CHECK(put.flow.begin() == step::wait_turn);
    CHECK(put.flow.keeps_pace());
}

TEST_CASE("the response to a batch is that of the operation in it that failed") {
    protocol::request batch;
    batch.name = "batch";
    batch.effect = protocol::effect::changes_entities;
    batch.success = protocol::success_statuses(202);
    batch.batch_size = 2;
    batch.table = "T";
    protocol::response accepted;
    accepted.status = 202;
    accepted.body = batch_answer(2);

    driven good(batch);
    good.flow.begin();
    REQUIRE(good.respond(accepted) == step::done);
    CHECK(good.settled().succeeded);

    driven missing(batch);
    missing.flow.begin();
    protocol::response part = accepted;
    part.body = "--c\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n" + body_of("TableNotFound") + "\r\n--c--\r\n";
    REQUIRE(missing.respond(part) == step::wait_turn);
    CHECK(missing.flow.request().name == "create table");

    driven broken(batch);
    broken.flow.begin();
    protocol::response page = accepted;
    page.body = "<html>";
    REQUIRE(broken.respond(page) == step::done);
    CHECK_FALSE(broken.flow.last_attempt().understood);
    CHECK(broken.settled().error == errc::bad_response);
    CHECK(broken.result.applied == applied::unknown);
    CHECK(broken.result.response.status == 0);
}

TEST_CASE("a request that is not idempotent is not repeated once its outcome is unknown") {
    for (const auto i : {protocol::idempotency::verify_after_loss, protocol::idempotency::never}) {
        protocol::request r = a_put();
        r.idempotency = i;
        driven lost(r);
        lost.flow.begin();
        REQUIRE(lost.fail(asio::error::connection_refused, applied::no) == step::pause); // was not sent
        REQUIRE(lost.respond(429, "TooManyRequests") == step::pause);                    // was refused
        REQUIRE(lost.fail(asio::error::eof) == step::done);
        CHECK(lost.settled().applied == applied::unknown);
        CHECK(contains(lost.result.why, "; a retry could apply it twice"));

        driven failed(r);
        failed.flow.begin();
        REQUIRE(failed.respond(500) == step::done);
        CHECK(failed.settled().response.status == 500);
        CHECK(failed.result.applied == applied::unknown);

        driven created(r); // the creation of its table may be repeated
        created.flow.begin();
        REQUIRE(created.respond(404, "TableNotFound") == step::wait_turn);
        CHECK(created.respond(500) == step::pause);
    }
}

TEST_CASE("an error that no attempt would mend ends the call") {
    driven put(a_put());
    put.flow.begin();
    REQUIRE(put.fail(errc::closed, applied::no) == step::done);
    CHECK(put.settled().error == errc::closed);
    CHECK(put.flow.last_attempt().reason.empty());
}
