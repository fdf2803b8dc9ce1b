// What a store tells those who watch it.

#include "support/all_operations.hpp"
#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/scripted_store.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

/// A copy of what outlives the call.
class seen {
public:
    explicit seen(const event& e)
        : kind(e.kind), operation(e.operation), collection(e.collection), id(e.client_request_id),
          error(e.error), elapsed(e.elapsed), sent(e.bytes_sent), received(e.bytes_received),
          attempt(e.attempt), request(e.request), host(e.host), status(e.status), code(e.service_code),
          request_id(e.request_id), reused(e.connection_reused), waited(e.waited), retried(e.retried),
          delay(e.retry_delay), reason(e.retry_reason) {}

    event_kind kind;
    std::string operation, collection, id;
    boost::system::error_code error;
    event::duration elapsed;
    std::size_t sent, received;
    int attempt;
    std::string request, host;
    unsigned status;
    std::string code, request_id;
    bool reused;
    event::duration waited;
    bool retried;
    event::duration delay;
    std::string reason;
};

class watched {
public:
    store_options options() {
        return store_options().observer([this](const event& e) { events.emplace_back(e); });
    }

    std::vector<seen> events;
};

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

} // namespace

TEST_CASE("each attempt and each operation is told, under one id") {
    watched w;
    scripted_store s(w.options());
    protocol::response busy;
    busy.status = 503;
    busy.request_id = "server-id";
    busy.body = error_body("ServerBusy");
    busy.retry_after_ms = "2";
    s.net->answer(busy);
    s.net->fail(asio::error::connection_reset, true);
    s.net->answer(404, error_body("TableNotFound"));
    s.net->answer(201);
    s.net->answer(204);
    s.run(s.db.put("k", {}, "people"));

    REQUIRE(w.events.size() == 7);
    CHECK(w.events[0].kind == event_kind::pace);
    w.events.erase(w.events.begin());
    for (const seen& e : w.events) {
        CHECK(e.operation == "put");
        CHECK(e.collection == "people");
        CHECK(e.id.size() == 36);
        CHECK(e.id == w.events[0].id);
        CHECK(e.elapsed.count() > 0);
    }
    const seen& first = w.events[0];
    CHECK(first.kind == event_kind::attempt);
    CHECK(first.request == "put entity");
    CHECK(first.host == "127.0.0.1");
    CHECK(first.attempt == 1);
    CHECK(first.status == 503);
    CHECK(first.code == "ServerBusy");
    CHECK(first.request_id == "server-id");
    CHECK_FALSE(first.error);
    CHECK(first.retried);
    CHECK(first.delay == 0ms);
    CHECK(first.reason == "throttled, waits for its turn");
    const seen& second = w.events[1];
    CHECK(second.attempt == 2);
    CHECK(second.error == asio::error::connection_reset);
    CHECK(second.status == 0);
    CHECK(second.request_id.empty()); // no more of the answer before
    CHECK(second.code.empty());
    CHECK(second.retried);
    CHECK(second.reason == "the connection failed");
    CHECK(w.events[2].attempt == 3);
    CHECK(w.events[2].status == 404);
    CHECK(w.events[2].code == "TableNotFound");
    CHECK_FALSE(w.events[2].retried);
    CHECK(w.events[3].request == "create table");
    CHECK(w.events[3].attempt == 1);
    CHECK(w.events[4].request == "put entity");
    CHECK(w.events[4].status == 204);
    const seen& whole = w.events[5];
    CHECK(whole.kind == event_kind::operation);
    CHECK_FALSE(whole.error);
    CHECK(whole.attempt == 5);
    CHECK(whole.elapsed >= 10ms);
    for (const std::string& request : s.net->sent)
        CHECK(contains(request, "x-ms-client-request-id: " + whole.id + "\r\n"));
}

TEST_CASE("each way to end is told once") {
    watched w;
    scripted_store s(w.options().max_attempts(1));
    const auto last = [&] {
        REQUIRE_FALSE(w.events.empty());
        const seen e = w.events.back();
        std::size_t ends = 0;
        for (const seen& one : w.events) ends += one.kind == event_kind::operation;
        CHECK(ends == 1);
        CHECK(e.kind == event_kind::operation);
        w.events.clear();
        return e;
    };
    s.net->answer(404, error_body("ResourceNotFound"));
    s.run(s.db.get("k"));
    CHECK_FALSE(last().error); // absence is an answer

    s.net->answer(403);
    failure_of([&] { s.run(s.db.get("k")); });
    CHECK(last().error == errc::forbidden);

    s.net->fail(asio::error::eof, true);
    failure_of([&] { s.run(s.db.erase("k")); });
    CHECK(w.events.front().reason == "no attempt is left");
    CHECK(last().error == asio::error::eof);

    failure_of([&] { s.run(s.db.put(std::string(2000, 'k'), {})); });
    const seen refused = last();
    CHECK(refused.error == errc::too_large);
    CHECK(refused.attempt == 0);

    s.net->answer(200, "no json");
    failure_of([&] { s.run(s.db.get_all()); });
    CHECK(last().error == errc::bad_response);

    s.net->answer(202, "no parts");
    failure_of([&] { s.run(s.db.put_all({{"k", value()}})); });
    CHECK(last().error == errc::bad_response);

    failure_of([&] { s.run(s.db.put_all({{"k", value()}}, "data", 0)); });
    CHECK(last().error == errc::invalid_argument);

    s.net->answer(200, R"({"value":[]})");
    auto rows = s.db.query("");
    s.run(rows.next());
    CHECK(last().operation == "query");

    s.run(s.db.close());
    failure_of([&] { s.run(s.db.get("k")); });
    CHECK(last().error == errc::closed);
}

TEST_CASE("every operation tells of its attempts and of its end, under its own name") {
    for (const operation_sample& o : all_operations()) {
        CAPTURE(o.name);
        watched w;
        scripted_store s(w.options());
        for (const protocol::response& r : o.good) s.net->answer(r);
        CHECK(s.run(o.call(s.db, o.in("people"))) == o.result);
        s.run(s.db.close());
        failure_of([&] { s.run(o.call(s.db, o.in("people"))); });
        REQUIRE(w.events.size() == o.good.size() + 2);
        for (const seen& e : w.events) {
            CHECK(e.operation == o.operation);
            CHECK(e.collection == "people");
        }
        for (std::size_t i = 0; i < o.good.size(); ++i) CHECK(w.events[i].kind == event_kind::attempt);
        const seen& end = w.events[o.good.size()];
        CHECK(end.kind == event_kind::operation);
        CHECK_FALSE(end.error);
        CHECK(end.attempt == static_cast<int>(o.good.size()));
        CHECK(w.events.back().kind == event_kind::operation);
        CHECK(w.events.back().error == errc::closed);
    }
}

TEST_CASE("a cancelled operation is told as such") {
    emulator service;
    service.faults(fault_plan().then(fault::answer(503, "ServerBusy").header("Retry-After", "60")));
    watched w;
    asio::io_context context;
    store db =
        store::from_connection_string(context.get_executor(), service.connection_string(), w.options());
    asio::cancellation_signal signal;
    bool done = false;
    asio::co_spawn(
        context, db.put("k", {}),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, etag) { done = true; }));
    while (w.events.empty()) context.run_one();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done);
    REQUIRE(w.events.size() == 3);
    CHECK(w.events[0].kind == event_kind::pace);
    CHECK(w.events[2].error == asio::error::operation_aborted);
    CHECK(w.events[2].attempt == 1);
}

TEST_CASE("bytes and connections are counted") {
    emulator service;
    watched w;
    auto db = blocking_store::from_connection_string(service.connection_string(), w.options());
    value v;
    v["text"] = std::string(10'000, 'x');
    db.put("k", v);
    const seen created = w.events.back();
    CHECK(created.attempt == 3);
    w.events.clear();
    db.put("k", v);
    static_cast<void>(db.get("k"));
    REQUIRE(w.events.size() == 4);
    CHECK(w.events[0].reused);
    CHECK(w.events[0].sent > 10'000);
    CHECK(w.events[0].sent < 11'000);
    CHECK(w.events[0].received > 100);
    CHECK(w.events[0].received < 1'000);
    CHECK(w.events[2].received > 10'000);
    CHECK(w.events[3].received == w.events[2].received);
}

TEST_CASE("whoever watches cannot change what becomes of an operation") {
    scripted_store s(store_options()
                         .observer([](const event&) { throw std::runtime_error("watching hurts"); })
                         .logger(log_level::debug, [](log_level, std::string_view) {
                             throw std::runtime_error("so does this");
                         }));
    s.net->answer(503);
    s.net->answer(204);
    s.run(s.db.put("k", {}));
    CHECK(s.net->finished());
}

TEST_CASE("the log has a line for each event of its level") {
    const auto lines_of = [](log_level most) {
        std::vector<std::string> lines;
        {
            scripted_store s(
                store_options().max_attempts(2).logger(most, [&](log_level l, std::string_view line) {
                    CHECK(l <= most);
                    lines.emplace_back(line);
                }));
            s.net->answer(503, error_body("InternalError"));
            s.net->answer(204);
            s.run(s.db.put("k", {}));
            s.net->answer(403, error_body(R"(AuthorizationFailure\r\nX: y)"));
            failure_of([&] { s.run(s.db.put("k", {})); });
            s.run(s.db.close());
        }
        for (const std::string& line : lines) CHECK(line.find_first_of("\r\n") == line.npos);
        return lines;
    };
    CHECK(lines_of(log_level::error).size() == 1);
    CHECK(lines_of(log_level::warning).size() == 2);
    CHECK(lines_of(log_level::info).size() == 3);
    const auto all = lines_of(log_level::debug);
    REQUIRE(all.size() == 6);
    CHECK(contains(all[0], "put in \"data\": put entity at 127.0.0.1, attempt 1: HTTP 503 InternalError; "));
    CHECK(contains(all[0], ": the service is busy ["));
    CHECK(contains(all[1], "attempt 2: HTTP 204; "));
    CHECK(contains(all[2], "put in \"data\": done; "));
    CHECK(contains(all[2], ", requests: 2, "));
    CHECK(contains(all[4], "put in \"data\": failed: access denied by the service, HTTP 403 Auth"));
    CHECK(contains(all[3], "HTTP 403 AuthorizationFailure??X:?y; "));
    CHECK(all[5] == "the store was closed");
}

TEST_CASE("neither keys, values, filters nor credentials are told") {
    std::string told;
    scripted_store s(store_options()
                         .observer([&](const event& e) {
                             for (std::string_view text : {e.operation, e.collection, e.request, e.host,
                                                           e.service_code, e.request_id, e.retry_reason})
                                 told.append(text).append("\n");
                         })
                         .logger(log_level::debug,
                                 [&](log_level, std::string_view line) { told.append(line).append("\n"); }),
                     "http://127.0.0.1:10002/acct", credential::sas("sv=2020&sig=hush-signature"));
    value v;
    v["member"] = "hush-value";
    s.net->answer(503, error_body("ServerBusy", "hush-message"));
    s.net->answer(204);
    s.run(s.db.put("hush-key", v));
    s.net->answer(200, R"({"value":[{"PartitionKey":"p","RowKey":"hush-row","a":"hush-value"}]})");
    auto rows = s.db.query("a eq 'hush-filter'");
    s.run(rows.next());
    failure_of([&] { s.run(s.db.put("hush-key", {}, "!")); });
    CHECK(told.size() > 500);
    const std::string word = "hush";
    CHECK_FALSE(contains(told, word));
}

TEST_CASE("a trace is carried on by every request of an operation") {
    scripted_store s;
    const store traced = s.db.with_traceparent(parent, "vendor=1");
    s.net->answer(503);
    s.net->answer(204);
    s.run(store(traced).put("k", {}));
    std::size_t requests = 2;
    for (const operation_sample& o : all_operations()) {
        for (const protocol::response& r : o.good) s.net->answer(r);
        s.run(o.run(traced));
        requests += o.good.size();
    }
    REQUIRE(s.net->sent.size() == requests);
    for (const std::string& request : s.net->sent) {
        const std::string head = request.substr(0, request.find("\r\n\r\n") + 4);
        CHECK(contains(head, "\r\ntraceparent: " + parent + "\r\ntracestate: vendor=1\r\n"));
    }
    s.net->answer(204);
    s.run(s.db.put("k", {})); // the original is as it was
    CHECK_FALSE(contains(s.net->sent.back(), "traceparent"));
    CHECK(failure_of([&] { (void)s.db.with_traceparent("00-x"); }).code() == errc::invalid_argument);
}

TEST_CASE("a blocking store carries on a trace, too") {
    std::vector<std::string> parents;
    http_server server([&](const http_request& r) {
        const auto it = r.headers.find("traceparent");
        parents.push_back(it == r.headers.end() ? "" : it->second);
        return http_reply(200, R"({"value":[]})");
    });
    blocking_store db(server.endpoint(), test_credential());
    blocking_store traced = db.with_traceparent(parent);
    static_cast<void>(traced.get_all());
    for (const entry& e : traced.query("")) CHECK(e.key().empty());
    static_cast<void>(db.get_all());
    CHECK(parents == std::vector<std::string>{parent, parent, ""});
    CHECK(server.connections() == 1);
    for (const operation_sample& o : all_operations()) {
        CAPTURE(o.name);
        parents.clear();
        try { // not all of them take what this server answers
            o.run(traced);
        } catch (const error&) {
        }
        REQUIRE_FALSE(parents.empty());
        for (const std::string& p : parents) CHECK(p == parent);
    }
}
