// Unsolicited bytes are never the response to the next request.
#include "support/certificates.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/test_account.hpp"

#include <azkv.hpp>

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;

namespace {

const credential key = test_credential();

const std::string no_content = "HTTP/1.1 204 No Content\r\n\r\n";

std::string ok(const std::string& body, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: "
           + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string row(const std::string& name, int n) {
    return R"({"PartitionKey":"default","RowKey":")" + name + R"(","n":)" + std::to_string(n) + "}";
}

/// Stray bytes, and the operation that would take them for its response.
class danger {
public:
    std::string name;
    std::string stray;
    bool (*call)(blocking_store&); // returns whether it got the right response
};

const std::string batch =
    "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"
    "Content-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--c--\r\n--b--\r\n";

// The service of the second request rejects all writes, and has other values.
http_reply truth(const http_request& r) {
    if (r.method != "GET") return http_reply(403, error_body("AuthorizationFailure"));
    if (contains(r.target, "()")) return http_reply(200, R"({"value":[)" + row("k", 1) + "]}");
    return http_reply(200, row("k", 1));
}

bool is_refused(const std::function<void()>& f) {
    return failure_of(f).code() == errc::forbidden;
}

const std::vector<danger> dangers{
    {"get", ok(row("k", 666)), [](blocking_store& db) { return db.get("k")->at("n").as_int64() == 1; }},
    {"put", no_content, [](blocking_store& db) { return is_refused([&] { db.put("k", value()); }); }},
    {"erase", no_content, [](blocking_store& db) { return is_refused([&] { db.erase("k"); }); }},
    {"put_all",
     "HTTP/1.1 202 Accepted\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Length: "
         + std::to_string(batch.size()) + "\r\n\r\n" + batch,
     [](blocking_store& db) { return is_refused([&] {
                                  db.put_all({{"k", value()}});
                              }); }},
    {"query", ok(R"({"value":[)" + row("k", 666) + "]}"),
     [](blocking_store& db) {
         int n = 0;
         for (const entry& e : db.query("")) n += static_cast<int>(e.value().at("n").as_int64());
         return n == 1;
     }},
    {"get_all", ok(R"({"value":[]})"), [](blocking_store& db) { return db.get_all().size() == 1; }},
};

} // namespace

TEST_CASE("an unsolicited response is not that of the next request over TCP or TLS") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    for (const int version : {0, TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const danger& d : dangers) {
            CAPTURE(version);
            CAPTURE(d.name);
            std::size_t first = 0; // the connection of the first request
            const auto handler = [&](const http_request& r) {
                if (first == 0) {
                    first = r.connection;
                    http_reply reply(200, row("first", 1));
                    reply.behind = d.stray;
                    return reply;
                }
                return truth(r);
            };
            http_server server =
                version == 0 ? http_server(handler) : http_server(handler, server_tls(identity, version));
            const std::string scheme = version == 0 ? "http://" : "https://";
            blocking_store db(scheme + server.authority() + "/acct", key,
                              store_options().max_attempts(1).tls(tls_options().ca_file(authority.path())));
            CHECK(db.get("first")->at("n") == 1);
            CHECK(d.call(db));
            CHECK(server.strays() == 1);
            CHECK(server.connections() == 2);
        }
    }
}

TEST_CASE("a response with the id of another request is rejected and its connection closed") {
    for (const danger& d : dangers) {
        CAPTURE(d.name);
        bool right = true;
        const auto begin = d.stray.find("\r\n") + 2;
        http_server server([&](const http_request& r) {
            const std::string id = right ? r.headers.at("x-ms-client-request-id") : "another";
            http_reply reply;
            reply.raw =
                d.stray.substr(0, begin) + "x-ms-client-request-id: " + id + "\r\n" + d.stray.substr(begin);
            return reply;
        });
        blocking_store db(server.endpoint(), key, store_options().max_attempts(1));
        const auto call = [&] {
            if (d.name == "put") return db.put("k", value());
            if (d.name == "erase") return static_cast<void>(db.erase("k"));
            if (d.name == "put_all") return db.put_all({{"k", value()}});
            if (d.name == "get") return static_cast<void>(db.get("k"));
            if (d.name == "get_all") return static_cast<void>(db.get_all());
            for ([[maybe_unused]] const entry& e : db.query("")) break;
        };
        call();
        right = false;
        const error e = failure_of(call);
        CHECK(e.code() == errc::bad_response);
        CHECK(contains(e.what(), "response to a different request"));
        const bool writes = d.name == "put" || d.name == "erase" || d.name == "put_all";
        CHECK(e.outcome_unknown() == writes);
        right = true;
        call();
        CHECK(server.requests() == 3);
        CHECK(server.connections() == 2);
    }
}

TEST_CASE("a connection whose TLS session has ended is not reused") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        http_server server(
            [](const http_request& r) {
                http_reply reply = r.method == "PUT" ? http_reply(204) : http_reply(200, row("k", 1));
                reply.notify = true;
                return reply;
            },
            server_tls(identity, version));
        std::set<std::size_t> sizes; // sizes of the sent requests: a second request would have another
        blocking_store db("https://" + server.authority() + "/acct", key,
                          store_options()
                              .max_attempts(1)
                              .tls(tls_options().ca_file(authority.path()))
                              .observer([&](const event& e) {
                                  if (e.kind == event_kind::attempt) sizes.insert(e.bytes_sent);
                              }));
        for (int i = 0; i < 4; ++i) {
            db.put("k", value());
            // The alert must have come: otherwise the request is sent twice, which is right as well.
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        CHECK(sizes.size() == 1);
        CHECK(server.requests() == 4);
        CHECK(server.connections() == 4);
    }
}

TEST_CASE("TLS sessions may arrive between two requests") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    http_server server([](const http_request&) { return http_reply(200, row("k", 1)); },
                       server_tls(identity, TLS1_3_VERSION));
    blocking_store db("https://" + server.authority() + "/acct", key,
                      store_options().tls(tls_options().ca_file(authority.path())));
    for (int i = 0; i < 10; ++i) CHECK(db.get("k")->at("n") == 1);
    CHECK(server.connections() == 1);
}
