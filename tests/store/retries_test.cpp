// The retry loop, over a scripted network.

#include "protocol/http_date.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;

namespace {

std::string header(const std::string& request, const std::string& name) {
    const auto at = request.find("\r\n" + name + ": ");
    REQUIRE(at != request.npos);
    const auto begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

std::string batch_429() {
    return "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 429 x\r\n\r\n" + error_body("TooManyRequests", "0:slow down")
           + "\r\n--c--\r\n--b--\r\n";
}

} // namespace

TEST_CASE("transient responses and lost connections are retried under one request id") {
    scripted_store s;
    s.net->answer(503);
    s.net->fail(asio::error::connection_reset, true);
    s.net->answer(500);
    s.net->answer(204);
    s.run(s.db.put("k", {}));
    REQUIRE(s.net->sent.size() == 4);
    for (const std::string& request : s.net->sent)
        CHECK(header(request, "x-ms-client-request-id") == header(s.net->sent[0], "x-ms-client-request-id"));
    s.net->answer(204);
    s.run(s.db.put("k", {}));
    CHECK(header(s.net->sent[4], "x-ms-client-request-id")
          != header(s.net->sent[0], "x-ms-client-request-id"));
}

TEST_CASE("after the last attempt the failure is reported") {
    scripted_store s;
    for (int i = 0; i < 4; ++i) s.net->answer(503, error_body("InternalError"));
    const error e = failure_of([&] { s.run(s.db.put("k", {})); });
    CHECK(e.code() == errc::server_error);
    CHECK(e.status() == 503);

    for (int i = 0; i < 4; ++i) s.net->fail(asio::error::connection_refused, false);
    const error refused = failure_of([&] { s.run(s.db.get("k")); });
    CHECK(refused.code() == asio::error::connection_refused);
    CHECK(refused.code() == condition::transient);
    CHECK(
        std::string(refused.what())
        == "get \"k\" in \"data\": waiting for a response from 127.0.0.1:10002: Connection refused, after 4 "
           "attempts");
    CHECK(refused.status() == 0);
    CHECK(s.net->finished());
}

TEST_CASE("one attempt when only one is allowed") {
    scripted_store s(store_options().max_attempts(1));
    s.net->answer(500);
    CHECK(failure_of([&] { s.run(s.db.put("k", {})); }).code() == errc::server_error);
    CHECK(s.net->sent.size() == 1);
}

TEST_CASE("permanent errors are not retried") {
    scripted_store s;
    for (const unsigned status : {400u, 401u, 403u, 412u, 413u}) {
        s.net->sent.clear();
        s.net->answer(status);
        CHECK(failure_of([&] { s.run(s.db.put("k", {})); }).status() == static_cast<int>(status));
        CHECK(s.net->sent.size() == 1);
    }
}

TEST_CASE("a rejection inside a successful batch response is retried") {
    scripted_store s;
    s.net->answer(202, batch_429());
    s.net->answer(202, "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 204 x\r\n\r\n\r\n--c--\r\n--b--\r\n");
    s.run(s.db.put_all({{"k", value()}}));
    CHECK(s.net->sent.size() == 2);
}

TEST_CASE("a rejection inside a successful batch response is reported") {
    scripted_store s(store_options().max_attempts(1));
    s.net->answer(202, batch_429());
    const error e = failure_of([&] { s.run(s.db.put_all({{"k", value()}})); });
    CHECK(e.code() == errc::throttled);
    CHECK(e.key() == "k");
}

TEST_CASE("a pause requested inside a successful batch response ends at the deadline") {
    scripted_store s(store_options().timeout(std::chrono::milliseconds(200)));
    s.net->answer(202, "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 429 x\r\nRetry-After: 3\r\n\r\n"
                           + error_body("TooManyRequests", "0:slow down") + "\r\n--c--\r\n--b--\r\n");
    const error e = failure_of([&] { s.run(s.db.put_all({{"k", value()}})); });
    CHECK(e.code() == errc::throttled);
    CHECK(contains(e.what(), "no time is left"));
    CHECK(s.net->sent.size() == 1);
}

TEST_CASE("an erase whose response was lost") {
    scripted_store s;
    s.net->fail(asio::error::eof, true);
    s.net->answer(404, error_body("ResourceNotFound"));
    CHECK(s.run(s.db.erase("k"))); // the first attempt removed it
    s.net->answer_second(429);     // sent twice; the second was rejected, the first may have succeeded
    s.net->answer(404, error_body("ResourceNotFound"));
    CHECK(s.run(s.db.erase("k")));
    s.net->answer(500);
    s.net->answer(404, error_body("TableNotFound"));
    CHECK_FALSE(s.run(s.db.erase("k"))); // there was nothing to remove
    s.net->fail(asio::error::connection_refused, false);
    s.net->answer(404, error_body("ResourceNotFound"));
    CHECK_FALSE(s.run(s.db.erase("k"))); // it never reached the service
    s.net->answer(429);
    s.net->answer(404, error_body("ResourceNotFound"));
    CHECK_FALSE(s.run(s.db.erase("k")));
}

TEST_CASE("an error about authorization mentions clock skew") {
    const auto at = [](std::chrono::seconds off) {
        return protocol::http_date(std::chrono::system_clock::now() + off);
    };
    const auto refused = [&](unsigned status, const std::string& date, const credential& c) {
        scripted_store s({}, "https://acct.table.core.windows.net", c);
        protocol::response r;
        r.status = status;
        r.date = date;
        r.body = error_body("AuthenticationFailed");
        s.net->answer(r);
        return std::string(failure_of([&] { s.run(s.db.put("k", {})); }).what());
    };
    using namespace std::chrono_literals;
    const credential key = credential::shared_key("acct", "c2VjcmV0LXNlY3JldA==");
    const std::string bare = "put \"k\" in \"data\": access denied by the service (HTTP 403)";
    CHECK(refused(403, at(16min), key) == bare + "; this machine's clock is 16 minutes behind the service's");
    CHECK(refused(403, at(-16min), key)
          == bare + "; this machine's clock is 16 minutes ahead of the service's");
    CHECK(contains(refused(401, at(24h), key), "1440 minutes behind"));
    for (const auto off : {0s, 590s, -590s}) CHECK(refused(403, at(off), key) == bare);
    CHECK(refused(403, "", key) == bare);
    CHECK(refused(403, "some day", key) == bare);
    CHECK_FALSE(contains(refused(400, at(16min), key), "clock"));

    const auto sas = [&](const std::string& expiry) {
        return refused(403, at(0s), credential::sas("sv=2020-12-06&se=" + expiry + "&sp=r&sig=SIGNATURE%3D"));
    };
    const std::string expired = bare + "; the shared access signature expired on ";
    CHECK(sas("2026-01-02T03%3A04%3A05Z") == expired + "Fri, 02 Jan 2026 03:04:05 GMT");
    CHECK(sas("2026-01-02T03:04:05.0000000Z") == expired + "Fri, 02 Jan 2026 03:04:05 GMT");
    CHECK(sas("2026-01-02T03:04Z") == expired + "Fri, 02 Jan 2026 03:04:00 GMT");
    CHECK(sas("2026-01-02") == expired + "Fri, 02 Jan 2026 00:00:00 GMT");
    for (const char* other :
         {"2999-01-02T03:04:05Z", "", "x", "2026-13-02", "2026-01-02T03:04:05%2B01:00", "2026-01-02T03"})
        CHECK(sas(other) == bare);
    CHECK(refused(403, at(0s), credential::sas("sv=2020-12-06&si=policy&sig=x")) == bare);
}

TEST_CASE("no attempt begins after the deadline") {
    scripted_store s(store_options().timeout(std::chrono::milliseconds(30)));
    protocol::response busy;
    busy.status = 503;
    busy.retry_after = "1";
    s.net->answer(busy);
    CHECK(failure_of([&] { s.run(s.db.put("k", {})); }).code() == errc::server_error);
    CHECK(s.net->sent.size() == 1);
}
