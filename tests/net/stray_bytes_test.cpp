// Unsolicited bytes are never the response to the next request.

#include "support/all_operations.hpp"
#include "support/certificates.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/test_account.hpp"

#include <azkv.hpp>

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace azkv::test;

namespace {

const credential key = test_credential();

/// A response as it is sent.
std::string text_of(const protocol::response& r, const std::string& header = {}) {
    std::string text = "HTTP/1.1 " + std::to_string(r.status) + " x\r\n" + header;
    if (r.status != 204) text += "Content-Length: " + std::to_string(r.body.size()) + "\r\n";
    return text + "\r\n" + r.body;
}

std::string row(const std::string& name, int n) {
    return R"({"PartitionKey":"default","RowKey":")" + name + R"(","n":)" + std::to_string(n) + "}";
}

// The last response of an operation is one that it would take for the answer to its first request.
const protocol::response& believable(const operation_sample& o) {
    return o.good.back();
}

} // namespace

TEST_CASE("an unsolicited response is not that of the next request over TCP or TLS") {
    const certificate identity = self_signed("127.0.0.1");
    const temporary_file authority(identity.chain);
    for (const int version : {0, TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const operation_sample& o : all_operations()) {
            if (!o.is_plain()) continue;
            CAPTURE(version);
            CAPTURE(o.name);
            std::size_t first = 0; // the connection of the first request
            const auto handler = [&](const http_request& r) {
                if (first == 0) {
                    first = r.connection;
                    http_reply reply(200, row("first", 1));
                    reply.behind = text_of(believable(o));
                    return reply;
                }
                return http_reply(403, error_body("AuthorizationFailure"));
            };
            http_server server =
                version == 0 ? http_server(handler) : http_server(handler, server_tls(identity, version));
            const std::string scheme = version == 0 ? "http://" : "https://";
            blocking_store db(scheme + server.authority() + "/acct", key,
                              store_options().max_attempts(1).tls(tls_options().ca_file(authority.path())));
            CHECK(db.get("first")->at("n") == 1);
            CHECK(failure_of([&] { o.run(db); }).code() == errc::forbidden);
            CHECK(server.strays() == 1);
            CHECK(server.connections() == 2);
        }
    }
}

TEST_CASE("a response with the id of another request is rejected and its connection closed") {
    for (const operation_sample& o : all_operations()) {
        if (!o.is_plain() || o.first_write != 0) continue;
        CAPTURE(o.name);
        bool right = true;
        http_server server([&](const http_request& r) {
            const std::string id = right ? r.headers.at("x-ms-client-request-id") : "another";
            http_reply reply;
            reply.raw = text_of(believable(o), "x-ms-client-request-id: " + id + "\r\n");
            return reply;
        });
        blocking_store db(server.endpoint(), key, store_options().max_attempts(1));
        const auto call = [&] { o.run(db); };
        call();
        right = false;
        const error e = failure_of(call);
        CHECK(e.code() == errc::bad_response);
        CHECK(contains(e.what(), "response to a different request"));
        CHECK(e.outcome_unknown() == o.writes());
        right = true;
        call();
        const std::size_t asked = o.is_conditional ? 1 : 0; // what became of it, also by another's id
        CHECK(server.requests() == 3 + asked);
        CHECK(server.connections() == 2 + asked);
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
