// Reads that are tried at the second endpoint of an account.

#include "client/service_context.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/scripted_store.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/emulator.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::test;

namespace {

const std::string entity = R"({"PartitionKey":"default","RowKey":"k","i":1})";

std::string target_of(const std::string& request) {
    const auto at = request.find(' ') + 1;
    return request.substr(at, request.find_first_of(" (", at) - at);
}

bool at_primary(std::string_view, std::string_view target) {
    return !contains(target, "-secondary");
}

bool at_secondary(std::string_view method, std::string_view target) {
    return !at_primary(method, target);
}

store_options reading() {
    return store_options().secondary_reads(true);
}

} // namespace

TEST_CASE("reads alternate between the endpoints with a signature for each") {
    scripted_store s(reading(), "https://acct.table.core.windows.net");
    s.net->fail(asio::error::connection_refused, false);
    s.net->answer(503);
    s.net->answer(500);
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    REQUIRE(s.net->to.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        const std::string host =
            i % 2 == 0 ? "acct.table.core.windows.net" : "acct-secondary.table.core.windows.net";
        CHECK(s.net->to[i].host == host);
        CHECK(contains(s.net->sent[i], "\r\nHost: " + host + "\r\n"));
        CHECK(contains(s.net->sent[i], "\r\nAuthorization: SharedKey")); // by the account name
        CHECK(contains(s.net->sent[i], " acct:"));
    }
    s.net->answer(200, R"({"value":[]})");
    s.run(s.db.get_all());
    CHECK(s.net->to.back().host == "acct.table.core.windows.net"); // each read begins at the primary
}

TEST_CASE("absence at the secondary is not a result") {
    scripted_store s(reading());
    s.net->answer(503);
    s.net->answer(404, error_body("ResourceNotFound"));
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    s.net->answer(503);
    s.net->answer(404, error_body("TableNotFound"));
    s.net->answer(404, error_body("ResourceNotFound"));
    CHECK_FALSE(s.run(s.db.get("k"))); // the primary says so
    REQUIRE(s.net->sent.size() == 6);
    CHECK(target_of(s.net->sent[3]) == "/acct/data");
    CHECK(target_of(s.net->sent[4]) == "/acct-secondary/data");
    CHECK(target_of(s.net->sent[5]) == "/acct/data");
    for (int i = 0; i < 2; ++i) {
        s.net->answer(503);
        if (i == 0) s.net->answer(404, error_body("ResourceNotFound"));
    }
    s.net->answer(503);
    s.net->answer(503);
    CHECK(failure_of([&] { s.run(s.db.get("k")); }).status()
          == 503); // without the primary there is no result
    CHECK(s.net->finished());
}

TEST_CASE("writes and reads of versions use only the primary and so do reads by default") {
    scripted_store s(reading());
    for (int i = 0; i < 2; ++i) {
        s.net->answer(503);
        s.net->answer(204);
    }
    s.run(s.db.put("k", {}));
    s.run(s.db.erase("k"));
    s.net->answer(503);
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get_entry("k")));
    scripted_store plain;
    plain.net->answer(503);
    plain.net->answer(200, entity);
    plain.run(plain.db.get("k"));
    for (const auto* net : {s.net.get(), plain.net.get()})
        for (const std::string& request : net->sent) CHECK_FALSE(contains(request, "-secondary"));
}

TEST_CASE("a connection string may name the secondary") {
    const std::string string = "AccountName=acct;AccountKey=c2VjcmV0LXNlY3JldA==;"
                               "TableEndpoint=https://tables.example;TableSecondaryEndpoint=";
    const auto a =
        client::service_context::from_connection_string(string + "https://other.example", reading());
    REQUIRE(a->secondary);
    CHECK(a->secondary->at.host == "other.example");
    CHECK_FALSE(
        client::service_context::from_connection_string(string + "https://other.example", {})->secondary);
    CHECK(failure_of([&] {
              client::service_context::from_connection_string(string + "http://other.example", reading());
          }).code()
          == errc::insecure_transport);
    CHECK(failure_of([&] {
              client::service_context("https://acct.table.cosmos.azure.com",
                                      credential::shared_key("acct", "c2VjcmV0"), reading());
          }).code()
          == errc::invalid_argument);
}

TEST_CASE("reads of a real service survive the loss of its primary") {
    emulator service;
    auto db = blocking_store::from_connection_string(
        service.connection_string(),
        reading().backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(1)));
    db.put("k", {{"i", 1}});
    service.faults(fault_plan().then(fault::reset().only_if(&at_primary), 1000));
    const auto found = db.get("k");
    REQUIRE(found);
    CHECK(found->at("i") == 1);
    CHECK(db.get_all().size() == 1);
    CHECK(failure_of([&] { return db.get("absent"); }).code()
          == condition::transient); // the result is unknown
    service.faults({});
    CHECK_FALSE(db.get("absent"));
    service.faults(fault_plan()
                       .then(fault::answer(500, "InternalError").only_if(&at_primary))
                       .then(fault::answer(404, "TableNotFound").only_if(&at_secondary)));
    CHECK(db.get("k")); // a secondary that lags behind
}
