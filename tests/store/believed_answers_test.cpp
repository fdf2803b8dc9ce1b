// An answer is believed only if it proves that it is the answer: which statuses, bodies and keys each
// operation takes for its own, over a scripted network.

#include "support/all_operations.hpp"
#include "support/fixtures.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"

#include <azkv/blocking_store.hpp>
#include <azkv/convert.hpp>
#include <azkv/emulator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::test;

namespace {

const std::string row = R"({"PartitionKey":"default","RowKey":"k","i":1})";

/// An operation, up to the request whose answer is judged.
class operation_case {
public:
    operation_case(operation_sample o, std::size_t at)
        : name(o.name + ", request " + std::to_string(at + 1)), sample(std::move(o)), judged(at) {}

    const protocol::response& good() const { return sample.good[judged]; }

    /// Whether `status` is one of its own.
    bool is_success(unsigned status) const {
        if (status == good().status) return true;
        return creates_table() ? status == 204 : sample.operation == "insert" && status == 201;
    }

    /// Whether the judged request changes entities.
    bool writes() const { return sample.writes_with(judged); }

    std::size_t requests() const { return judged + 1; }

    void before(scripted_transport& net) const {
        for (std::size_t i = 0; i < judged; ++i) net.answer(sample.good[i]);
    }

    void after(scripted_transport& net) const {
        for (std::size_t i = requests(); i < sample.good.size(); ++i) net.answer(sample.good[i]);
    }

    std::string run(scripted_store& s) const { return s.run(sample.run(s.db)); }

    std::string name;
    operation_sample sample;
    std::size_t judged; // its place in `sample.good`

private:
    bool creates_table() const { return sample.makes_table && good().status == 201; }
};

asio::awaitable<std::string> get_as_map(store db, operation_arguments a) {
    const auto got = co_await db.get_as<std::map<std::string, int>>(std::move(a.key));
    CHECK(got == std::map<std::string, int>{{"i", 1}});
    co_return "{\"i\":1}";
}

std::vector<operation_case> operations() {
    std::vector<operation_sample> samples = all_operations();
    operation_sample projected = operation_named("get");
    projected.name = "get with a projection";
    projected.arguments.select = select("i");
    samples.push_back(projected);
    operation_sample converted = operation_named("get");
    converted.name = "get_as";
    converted.call = &get_as_map;
    samples.push_back(converted);
    std::vector<operation_case> all;
    for (const operation_sample& o : samples) {
        if (o.batches && o.good.size() > 1) continue; // in parallel: one that is refused ends no other
        for (std::size_t i = 0; i < o.good.size(); ++i)
            if (o.good[i].status < 300) all.emplace_back(o, i);
    }
    return all;
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
    {"an entity of another key", R"({"PartitionKey":"default","RowKey":"other","i":1})"},
    {"an entity of another partition", R"({"PartitionKey":"other","RowKey":"k","i":1})"},
    {"a page of another partition", R"({"value":[{"PartitionKey":"other","RowKey":"k","i":1}]})"},
    {"a page without keys", R"({"value":[{"i":1}]})"},
    {"a batch's answer with another status",
     "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 200 x\r\n\r\n{}\r\n--c--\r\n--b--\r\n"},
    {"a batch's redirection", "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 302 x\r\n\r\n{}\r\n--c--\r\n--b--\r\n"},
};

// Whether the operation looks into the body that comes with success.
bool reads_body(const operation_case& o) {
    return !o.good().body.empty();
}

} // namespace

TEST_CASE("each operation believes its own statuses only") {
    for (const operation_case& o : operations()) {
        CAPTURE(o.name);
        for (const unsigned status :
             {200u, 201u, 202u, 203u, 204u, 205u, 206u, 207u, 226u, 301u, 302u, 304u}) {
            CAPTURE(status);
            const bool successful = o.is_success(status);
            std::vector<body> bodies = foreign_bodies;
            bodies.push_back({"its own", o.good().body});
            for (const body& b : bodies) {
                CAPTURE(b.name);
                const bool its_own = b.name == "its own" || b.text == o.good().body || !reads_body(o);
                // A query may ask for any partition.
                const bool any_partition =
                    o.sample.operation == "query" && b.name == "a page of another partition";
                scripted_store s;
                o.before(*s.net);
                protocol::response r = o.good(); // with what leads to another page
                r.status = status;
                r.body = b.text;
                s.net->answer(r);
                if (successful && (its_own || any_partition)) {
                    o.after(*s.net);
                    const std::string result = o.run(s);
                    if (its_own) CHECK(result == o.sample.result);
                    CHECK(s.net->sent.size() == o.sample.good.size());
                    CHECK(s.net->finished());
                    continue;
                }
                const error e = failure_of([&] { o.run(s); });
                CHECK(e.code() == errc::bad_response);
                CHECK(e.outcome_unknown() == o.writes());
                CHECK(contains(e.what(), "it may have been applied nevertheless") == o.writes());
                CHECK(s.net->sent.size() == o.requests()); // once: it is for the caller to say what now
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
                CHECK(s.net->sent.size() == o.requests());
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
                const bool no_table = mode == service_mode::storage ? a.storage : a.cosmos;
                for (const operation_sample& o : all_operations()) {
                    if (!o.absent) continue;
                    CAPTURE(o.name);
                    absent(o.lists ? no_table : a.entity,
                           [&](scripted_store& s) { return s.run(o.run(s.db)) == o.absent; });
                    if (!o.lists) continue;

                    // In the middle of a listing it has left out rows.
                    scripted_store s(store_options().mode(mode));
                    s.net->answer(o.good[0]);
                    s.net->answer(a.status, text);
                    CHECK(failure_of([&] { s.run(o.run(s.db)); }).status() == static_cast<int>(a.status));
                    CHECK(s.net->sent.size() == 2);
                }
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
                CHECK(failure_of([&] { s.run(s.db.put("k", numbered(1))); }).code() == errc::not_found);
                continue;
            }
            s.net->answer(404, error_body(code));
            s.net->answer(201, R"({"TableName":"data"})");
            s.net->answer(204);
            s.run(s.db.put("k", numbered(1)));
            CHECK(s.net->sent.size() == 3);
            // As Cosmos DB says it: with no index, and an index of some other kind.
            for (const char* message :
                 {"The specified resource does not exist.\\nRequestID:1\\n", "0:No table."}) {
                s.net->answer(202, "--b\r\n\r\n--c\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Type: "
                                   "application/json;odata=fullmetadata\r\n\r\n"
                                       + error_body(code, message) + "\r\n--c--\r\n--b--\r\n");
                s.net->answer(204);
                s.net->answer(202, batch_answer(1));
                s.run(s.db.put_all({{"k", numbered(1)}}));
            }
            CHECK(s.net->sent.size() == 9);
            CHECK(contains(s.net->sent[4], "POST /acct/Tables "));
            s.net->answer(404, error_body(code));
            CHECK_FALSE(s.run(s.db.erase("k")));
            CHECK(s.net->finished());
            // The other one who made it must be the service's word, too.
            s.net->answer(404, error_body(code));
            s.net->answer(409, "<html>TableAlreadyExists</html>");
            CHECK(failure_of([&] { s.run(s.db.put("k", numbered(1))); }).code() == errc::bad_response);
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
        CHECK(s.net->sent.size() == o.requests());
    }
    // But an attempt before it may.
    scripted_store s;
    s.net->answer(500);
    s.net->answer(501);
    CHECK(failure_of([&] { s.run(s.db.put("k", numbered(1))); }).outcome_unknown());
}

TEST_CASE("a store that is sent to an account that does not exist does not look empty") {
    emulator service;
    const std::string key =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    const std::string host = "http://127.0.0.1:" + std::to_string(service.port());
    for (const std::string path : {"", "/another"}) {
        CAPTURE(path);
        blocking_store db(host + path, credential::shared_key("devstoreaccount1", key));
        for (const operation_sample& o : all_operations()) {
            CAPTURE(o.name);
            CHECK_THROWS_AS(o.run(db), error);
        }
    }
}
