// Views: the same store with other settings for its calls.

#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/scripted_store.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

} // namespace

TEST_CASE("a view has its own partition in every operation") {
    const azkv::emulator service{emulator_options()};
    blocking_store db = blocking_store::from_connection_string(service.connection_string());
    blocking_store tenant = db.in_partition("tenant/7");
    db.put("k", numbered(1));
    tenant.put("k", numbered(2));
    tenant.put_all({{"a", numbered(3)}, {"b", numbered(4)}});
    CHECK(db.get("k") == numbered(1));
    CHECK(tenant.get("k") == numbered(2));
    CHECK(db.get_all().size() == 1);
    CHECK(tenant.get_all().size() == 3);
    CHECK(tenant.erase("k"));
    CHECK(db.get("k") == numbered(1));
    std::size_t rows = 0; // queries are over the whole table
    for (const entry& e : tenant.query("")) rows += e.partition_key() == "tenant/7" ? 1 : 0;
    CHECK(rows == 2);
    CHECK(tenant.in_partition("default").get("k") == numbered(1)); // a view of a view
}

TEST_CASE("a view of an asynchronous store shares what the store has") {
    scripted_store s;
    store tenant = s.db.in_partition("t").with_traceparent(parent).with_max_attempts(1);
    s.net->answer(204);
    s.run(tenant.put("k", numbered(1)));
    CHECK(contains(s.net->sent.back(), "(PartitionKey='t',RowKey='k')"));
    CHECK(contains(s.net->sent.back(), "traceparent: " + parent));
    s.net->answer(500);
    CHECK(failure_of([&] { s.run(tenant.get("k")); }).status() == 500); // one attempt
    s.net->answer(500);
    s.net->answer(404, R"({"odata.error":{"code":"ResourceNotFound","message":{"value":""}}})");
    CHECK_FALSE(s.run(s.db.get("k"))); // the store itself is as it was
    CHECK(contains(s.net->sent.back(), "(PartitionKey='default',RowKey='k')"));
    CHECK_FALSE(contains(s.net->sent.back(), "traceparent"));
    CHECK(s.run(tenant.close()));
    CHECK(failure_of([&] { s.run(s.db.get("k")); }).code() == errc::closed);
}

TEST_CASE("a view's timeout is that of its calls") {
    http_server silent([](const http_request&) {
        http_reply reply(200, entity_text);
        reply.delay = 1h;
        return reply;
    });
    store_options o;
    o.max_attempts(1);
    blocking_store db("http://" + silent.authority() + "/acct", test_credential(), o);
    const auto began = std::chrono::steady_clock::now();
    CHECK(failure_of([&] { static_cast<void>(db.with_timeout(50ms).get("k")); }).code() == errc::timed_out);
    CHECK(std::chrono::steady_clock::now() - began < 30s); // the store's own is 120 s
}

TEST_CASE("a view refuses what a store could not have") {
    scripted_store s;
    CHECK(failure_of([&] { static_cast<void>(s.db.with_timeout(0ms)); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { static_cast<void>(s.db.with_timeout(std::chrono::hours(24 * 366))); }).code()
          == errc::invalid_argument);
    CHECK(failure_of([&] { static_cast<void>(s.db.with_max_attempts(0)); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { static_cast<void>(s.db.in_partition(std::string(2000, 'x'))); }).code()
          == errc::too_large);
    CHECK(failure_of([&] { static_cast<void>(s.db.with_traceparent("x")); }).code()
          == errc::invalid_argument);
    blocking_store db("https://acct.table.core.windows.net", test_credential());
    CHECK(failure_of([&] { static_cast<void>(db.with_timeout(0ms)); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { static_cast<void>(db.with_max_attempts(0)); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { static_cast<void>(db.in_partition("\xff")); }).code() == errc::invalid_argument);
}
