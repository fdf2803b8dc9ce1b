// An answer is believed only if it proves that it is the answer: which statuses, bodies and keys each
// operation takes for its own, over a scripted network.

#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/convert.hpp>
#include <azkv/emulator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;

namespace {

const std::string row = R"({"PartitionKey":"default","RowKey":"k","n":1})";
const std::string rows = "{\"value\":[" + row + "]}";
const std::string done_batch = batch_answer(1);

value one() {
    value v;
    v["n"] = 1;
    return v;
}

/// An operation, up to the request whose answer is judged.
class operation_case {
public:
    std::string name;
    std::vector<unsigned> success; // its statuses
    std::string good;              // a body that goes with them
    bool writes;                   // the judged request changes entities
    std::size_t requests;          // with the judged one
    std::size_t further;           // after success
    std::function<void(scripted_transport&)> before;
    std::function<void(scripted_transport&)> after;
    std::function<void(scripted_store&)> run;
};

void nothing(scripted_transport&) {}

void first_page(scripted_transport& net) {
    protocol::response r;
    r.status = 200;
    r.body = R"({"value":[{"PartitionKey":"default","RowKey":"a"}]})";
    r.next_partition_key = r.next_row_key = "b";
    net.answer(r);
}

std::vector<operation_case> operations() {
    using store_run = scripted_store;
    const auto no_table = [](scripted_transport& net) { net.answer(404, error_body("TableNotFound")); };
    const auto put = [](store_run& s) { s.run(s.db.put("k", one())); };
    const auto list = [](store_run& s) {
        auto all = s.db.query("");
        while (s.run(all.next())) {
        }
    };
    return {
        {"put", {204}, "", true, 1, 0, nothing, nothing, put},
        {"put_all",
         {202},
         done_batch,
         true,
         1,
         0,
         nothing,
         nothing,
         [](store_run& s) {
             s.run(s.db.put_all({{"k", one()}}));
         }},
        {"erase",
         {204},
         "",
         true,
         1,
         0,
         nothing,
         nothing,
         [](store_run& s) {
             const bool was_there = s.run(s.db.erase("k"));
             CHECK(was_there);
         }},
        {"get",
         {200},
         row,
         false,
         1,
         0,
         nothing,
         nothing,
         [](store_run& s) {
             const auto got = s.run(s.db.get("k"));
             CHECK(got == one());
         }},
        {"get with a projection",
         {200},
         row,
         false,
         1,
         0,
         nothing,
         nothing,
         [](store_run& s) {
             const auto got = s.run(s.db.get("k", "data", select("n")));
             CHECK(got == one());
         }},
        {"get_as",
         {200},
         row,
         false,
         1,
         0,
         nothing,
         nothing,
         [](store_run& s) {
             const auto got = s.run(s.db.get_as<std::map<std::string, int>>("k"));
             CHECK(got == std::map<std::string, int>{{"n", 1}});
         }},
        {"get_all",
         {200},
         rows,
         false,
         1,
         0,
         nothing,
         nothing,
         [](store_run& s) {
             const auto all = s.run(s.db.get_all());
             CHECK(all.size() == 1);
         }},
        {"get_all, page 2",
         {200},
         rows,
         false,
         2,
         0,
         first_page,
         nothing,
         [](store_run& s) {
             const auto all = s.run(s.db.get_all());
             CHECK(all.size() == 2);
         }},
        {"query, page 1", {200}, rows, false, 1, 0, nothing, nothing, list},
        {"query, page 2", {200}, rows, false, 2, 0, first_page, nothing, list},
        {"create table",
         {201, 204},
         "",
         false,
         2,
         1,
         no_table,
         [](scripted_transport& net) { net.answer(204); },
         put},
    };
}

/// What comes instead of the answer.
class body {
public:
    std::string name;
    std::string text;
};

const std::vector<body> foreign_bodies{
    {"nothing", ""},
    {"HTML", "<html><title>Please log in to the network</title><code>x</code></html>"},
    {"{}", "{}"},
    {"a foreign entity", R"({"message":"Request blocked. Your support ID is 123."})"},
    {"an entity of another key", R"({"PartitionKey":"default","RowKey":"other","n":1})"},
    {"an entity of another partition", R"({"PartitionKey":"other","RowKey":"k","n":1})"},
    {"a page of another partition", R"({"value":[{"PartitionKey":"other","RowKey":"k","n":1}]})"},
    {"a page without keys", R"({"value":[{"n":1}]})"},
    {"a batch's answer with another status",
     "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 200 x\r\n\r\n{}\r\n--c--\r\n--b--\r\n"},
    {"a batch's redirection", "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 302 x\r\n\r\n{}\r\n--c--\r\n--b--\r\n"},
};

// Whether the operation looks into the body that comes with success.
bool reads_body(const operation_case& o) {
    return !o.good.empty();
}

} // namespace

TEST_CASE("each operation believes its own statuses only") {
    for (const operation_case& o : operations()) {
        CAPTURE(o.name);
        for (const unsigned status :
             {200u, 201u, 202u, 203u, 204u, 205u, 206u, 207u, 226u, 301u, 302u, 304u}) {
            CAPTURE(status);
            const bool successful = std::ranges::count(o.success, status) > 0;
            std::vector<body> bodies = foreign_bodies;
            bodies.push_back({"its own", o.good});
            for (const body& b : bodies) {
                CAPTURE(b.name);
                const bool its_own = b.name == "its own" || b.text == o.good || !reads_body(o);
                // A query may ask for any partition.
                const bool any_partition =
                    o.name.starts_with("query") && b.name == "a page of another partition";
                scripted_store s;
                o.before(*s.net);
                s.net->answer(status, b.text);
                if (successful && (its_own || any_partition)) {
                    o.after(*s.net);
                    o.run(s);
                    CHECK(s.net->sent.size() == o.requests + o.further);
                    CHECK(s.net->finished());
                    continue;
                }
                const error e = failure_of([&] { o.run(s); });
                CHECK(e.code() == errc::bad_response);
                CHECK(e.outcome_unknown() == o.writes);
                CHECK(contains(e.what(), "it may have been applied nevertheless") == o.writes);
                CHECK(s.net->sent.size() == o.requests); // once: it is for the caller to say what now
                if (!successful) CHECK(e.status() == static_cast<int>(status));
                CHECK_FALSE(contains(e.what(), "support ID")); // untrusted text
            }
        }
    }
}

TEST_CASE("a 404 that is not the service's is a failure, and no absence") {
    const std::vector<body> bodies{
        {"nothing", ""},
        {"HTML", "<html><body><h1>404</h1><code>TableNotFound</code></body></html>"},
        {"a proxy's JSON", R"({"code":"TableNotFound","message":"no route"})"},
        {"a proxy's nested JSON", R"({"error":{"code":"ResourceNotFound","message":"no route"}})"},
        {"the service's form without a code", R"({"odata.error":{"message":{"value":"ResourceNotFound"}}})"},
        {"the service's form, another code", error_body("OutOfRangeInput")},
        {"XML of another root", "<Fault><Code>ResourceNotFound</Code></Fault>"},
        {"an entity", row},
    };
    for (const operation_case& o : operations()) {
        CAPTURE(o.name);
        for (const body& b : bodies) {
            CAPTURE(b.name);
            for (const bool header : {false, true}) {
                CAPTURE(header);
                scripted_store s;
                o.before(*s.net);
                protocol::response r;
                r.status = 404;
                r.body = b.text;
                if (header) r.error_code = "TableNotFound"; // passed on, or made up
                s.net->answer(r);
                const error e = failure_of([&] { o.run(s); });
                const bool own = b.text == error_body("OutOfRangeInput");
                CHECK(e.code() == (own ? errc::not_found : errc::bad_response));
                CHECK(e.status() == 404);
                CHECK_FALSE(e.outcome_unknown()); // it was refused
                CHECK(s.net->sent.size() == o.requests);
            }
        }
    }
}

TEST_CASE("absence is what the service says of what was asked for") {
    class answer {
    public:
        unsigned status;
        std::string code;
        bool entity;  // for `get` and `erase` something is absent
        bool storage; // for the first page of a listing a table is, in each mode
        bool cosmos;
    };

    const std::vector<answer> answers{
        {404, "ResourceNotFound", true, false, true},    {404, "EntityNotFound", true, false, true},
        {404, "TableNotFound", true, true, true},        {409, "TableBeingDeleted", true, true, true},
        {409, "ResourceNotFound", false, false, false},  {409, "TableNotFound", false, false, false},
        {404, "TableBeingDeleted", false, false, false}, {403, "ResourceNotFound", false, false, false},
        {400, "TableNotFound", false, false, false},     {404, "AccountNotFound", false, false, false},
        {410, "TableNotFound", false, false, false},     {404, "tablenotfound", false, false, false},
    };
    const auto xml = [](const std::string& code) {
        return R"(<?xml version="1.0" encoding="utf-8"?><m:error xmlns:m="u"><m:code>)" + code
               + "</m:code><m:message>m</m:message></m:error>";
    };
    for (const service_mode mode : {service_mode::storage, service_mode::cosmos}) {
        for (const answer& a : answers) {
            CAPTURE(a.status);
            CAPTURE(a.code);
            for (const std::string& text : {error_body(a.code), xml(a.code)}) {
                const auto absent = [&](bool expected, auto run) {
                    scripted_store s(store_options().mode(mode));
                    s.net->answer(a.status, text);
                    if (expected)
                        CHECK(run(s));
                    else
                        CHECK(failure_of([&] { run(s); }).status() == static_cast<int>(a.status));
                    CHECK(s.net->sent.size() == 1);
                };
                absent(a.entity, [](scripted_store& s) { return !s.run(s.db.get("k")); });
                absent(a.entity, [](scripted_store& s) { return !s.run(s.db.erase("k")); });
                const bool no_table = mode == service_mode::storage ? a.storage : a.cosmos;
                absent(no_table, [](scripted_store& s) { return s.run(s.db.get_all()).empty(); });
                absent(no_table, [](scripted_store& s) {
                    auto all = s.db.query("");
                    return !s.run(all.next());
                });

                // In the middle of a listing it has left out rows.
                const auto broken = [&](auto run) {
                    scripted_store s(store_options().mode(mode));
                    first_page(*s.net);
                    s.net->answer(a.status, text);
                    CHECK(failure_of([&] { run(s); }).status() == static_cast<int>(a.status));
                    CHECK(s.net->sent.size() == 2);
                };
                broken([](scripted_store& s) { s.run(s.db.get_all()); });
                broken([](scripted_store& s) {
                    auto all = s.db.query("");
                    CHECK(s.run(all.next()));
                    s.run(all.next());
                });
            }
        }
    }
}

TEST_CASE("a first page without rows is a first page") {
    scripted_store s;
    protocol::response empty;
    empty.status = 200;
    empty.body = R"({"value":[]})";
    empty.next_row_key = "b";
    s.net->answer(empty);
    s.net->answer(404, error_body("TableNotFound"));
    CHECK(failure_of([&] { s.run(s.db.get_all()); }).code() == errc::not_found);
}

TEST_CASE("a table is made for the service's word only, and only by upserts") {
    for (const service_mode mode : {service_mode::storage, service_mode::cosmos}) {
        for (const char* code : {"TableNotFound", "ResourceNotFound"}) {
            CAPTURE(code);
            scripted_store s(store_options().mode(mode));
            if (mode == service_mode::storage && code == std::string("ResourceNotFound")) {
                // There it is the account, or the path, that is wrong.
                s.net->answer(404, error_body(code));
                CHECK(failure_of([&] { s.run(s.db.put("k", one())); }).code() == errc::not_found);
                continue;
            }
            s.net->answer(404, error_body(code));
            s.net->answer(201, R"({"TableName":"data"})");
            s.net->answer(204);
            s.run(s.db.put("k", one()));
            CHECK(s.net->sent.size() == 3);
            // As Cosmos DB says it: with no index, and an index of some other kind.
            for (const char* message :
                 {"The specified resource does not exist.\\nRequestID:1\\n", "0:No table."}) {
                s.net->answer(202, "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Type: "
                                   "application/json;odata=fullmetadata\r\n\r\n"
                                       + error_body(code, message) + "\r\n--c--\r\n--b--\r\n");
                s.net->answer(204);
                s.net->answer(202, done_batch);
                s.run(s.db.put_all({{"k", one()}}));
            }
            CHECK(s.net->sent.size() == 9);
            CHECK(contains(s.net->sent[4], "POST /acct/Tables "));
            s.net->answer(404, error_body(code));
            CHECK_FALSE(s.run(s.db.erase("k")));
            CHECK(s.net->finished());
            // The other one who made it must be the service's word, too.
            s.net->answer(404, error_body(code));
            s.net->answer(409, "<html>TableAlreadyExists</html>");
            CHECK(failure_of([&] { s.run(s.db.put("k", one())); }).code() == errc::bad_response);
        }
    }
}

TEST_CASE("what the service cannot do leaves no doubt about a write") {
    for (const operation_case& o : operations()) {
        CAPTURE(o.name);
        scripted_store s;
        o.before(*s.net);
        s.net->answer(501, error_body("NotImplemented"));
        const error e = failure_of([&] { o.run(s); });
        CHECK(e.code() == errc::rejected);
        CHECK_FALSE(e.code() == condition::transient);
        CHECK_FALSE(e.outcome_unknown());
        CHECK(s.net->sent.size() == o.requests);
    }
    // But an attempt before it may.
    scripted_store s;
    s.net->answer(500);
    s.net->answer(501);
    CHECK(failure_of([&] { s.run(s.db.put("k", one())); }).outcome_unknown());
}

TEST_CASE("a store that is sent to an account that does not exist does not look empty") {
    emulator service;
    const std::string key =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    const std::string host = "http://127.0.0.1:" + std::to_string(service.port());
    for (const std::string path : {"", "/another"}) {
        CAPTURE(path);
        blocking_store db(host + path, credential::shared_key("devstoreaccount1", key));
        CHECK_THROWS_AS(db.get("k"), error);
        CHECK_THROWS_AS(db.get_all(), error);
        CHECK_THROWS_AS(db.erase("k"), error);
        CHECK_THROWS_AS(db.put("k", one()), error);
        CHECK_THROWS_AS(db.query("").begin(), error);
    }
}
