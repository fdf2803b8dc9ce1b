// Tokens on the way to the service: which requests carry one, and what follows a rejected one.

#include "identity/sources/cloud.hpp"
#include "support/http_server.hpp"
#include "support/scripted_store.hpp"
#include "support/test_secrets.hpp"

#include <azkv/identity.hpp>

#include <boost/asio/this_coro.hpp>
#include <doctest/doctest.h>

#include <vector>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;

namespace {

const std::string account_url = "https://acct.table.core.windows.net";
const std::string entity = R"({"PartitionKey":"default","RowKey":"k","i":1})";
const std::string tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// Returns numbered tokens, and records the requests for them.
class recording_source final : public token_credential {
public:
    asio::awaitable<access_token> token(token_request request) override {
        co_await asio::this_coro::executor;
        asked.push_back(request);
        if (failure) std::rethrow_exception(failure);
        co_return access_token(secret(secrets::token + std::to_string(asked.size())),
                               std::chrono::system_clock::now() + 1h);
    }

    std::vector<token_request> asked;
    std::exception_ptr failure;
};

class bearer_store : public scripted_store {
public:
    explicit bearer_store(store_options o = {}, const std::string& url = account_url)
        : bearer_store(std::move(o), url, std::make_shared<recording_source>()) {}

    std::shared_ptr<recording_source> source;

private:
    bearer_store(store_options o, const std::string& url, std::shared_ptr<recording_source> s)
        : scripted_store(std::move(o), url, credential::token(s)), source(s) {}
};

// Returns which of the numbered tokens a request carries; 0: none.
int token_in(const std::string& request) {
    const std::string name = "\r\nAuthorization: Bearer " + secrets::token;
    const auto at = request.find(name);
    if (at == request.npos) return 0;
    return std::stoi(request.substr(at + name.size()));
}

protocol::response unauthorized(std::string challenge) {
    protocol::response r;
    r.status = 401;
    r.body = error_body("InvalidAuthenticationInfo");
    r.challenge = std::move(challenge);
    return r;
}

std::string named(const std::string& id, const std::string& authority = "https://login.microsoftonline.com") {
    return "Bearer authorization_uri=" + authority + "/" + id
           + "/oauth2/authorize resource_id=https://storage.azure.com";
}

} // namespace

TEST_CASE("each request carries a token which is requested once") {
    bearer_store s;
    for (int i = 0; i < 3; ++i) s.net->answer(200, entity);
    for (int i = 0; i < 3; ++i) CHECK(s.run(s.db.get("k")));
    REQUIRE(s.net->sent.size() == 3);
    for (const std::string& request : s.net->sent) {
        CHECK(token_in(request) == 1);
        CHECK_FALSE(contains(request, "SharedKey"));
    }
    REQUIRE(s.source->asked.size() == 1);
    CHECK(s.source->asked[0].scope() == "https://storage.azure.com/.default");
    CHECK(s.source->asked[0].tenant().empty());
    CHECK(s.source->asked[0].claims().empty());
}

TEST_CASE("the scope and tenant of a token request") {
    using identity::default_scope;
    const auto storage = service_mode::storage, cosmos = service_mode::cosmos;
    CHECK(default_scope("a.table.core.windows.net", storage) == "https://storage.azure.com/.default");
    CHECK(default_scope("a.table.core.chinacloudapi.cn", storage) == "https://storage.azure.com/.default");
    CHECK(default_scope("a.table.core.usgovcloudapi.net", storage) == "https://storage.azure.com/.default");
    CHECK(default_scope("a.table.cosmos.azure.com", cosmos) == "https://cosmos.azure.com/.default");
    CHECK(default_scope("a.table.cosmos.azure.cn", cosmos) == "https://cosmos.azure.cn/.default");
    CHECK(default_scope("a.table.cosmos.azure.us", cosmos) == "https://cosmos.azure.us/.default");
    CHECK(default_scope("127.0.0.1", storage) == "https://storage.azure.com/.default");
    CHECK(identity::default_authority("a.table.core.windows.net") == "https://login.microsoftonline.com");
    CHECK(identity::default_authority("a.table.cosmos.azure.cn") == "https://login.chinacloudapi.cn");
    CHECK(identity::default_authority("a.table.core.usgovcloudapi.net")
          == "https://login.microsoftonline.us");

    bearer_store s(store_options(), "https://acct.table.cosmos.azure.us");
    s.net->answer(200, entity);
    s.run(s.db.get("k"));
    CHECK(s.source->asked.at(0).scope() == "https://cosmos.azure.us/.default");

    bearer_store own(store_options().token_scope("api://tables/.default"));
    own.net->answer(200, entity);
    own.run(own.db.get("k"));
    CHECK(own.source->asked.at(0).scope() == "api://tables/.default");
    CHECK(own.source->asked.at(0).resource() == "api://tables");
    CHECK_THROWS_AS(store_options().token_scope("--help"), error);
    CHECK_THROWS_AS(store_options().token_scope("a b"), error);
}

TEST_CASE("tokens are sent only over TLS or if allowed to this machine without it") {
    const auto code = [](const std::string& url, bool allowed) {
        try {
            bearer_store s(store_options().allow_plain_http(allowed), url);
        } catch (const error& e) {
            return static_cast<errc>(e.code().value());
        }
        return errc();
    };
    CHECK(code("http://acct.table.core.windows.net", false) == errc::insecure_transport);
    CHECK(code("http://acct.table.core.windows.net", true) == errc::insecure_transport);
    CHECK(code("http://10.1.2.3/acct", true) == errc::insecure_transport);
    CHECK(code("http://127.0.0.1:10002/acct", false) == errc::insecure_transport);
    CHECK(code("http://127.0.0.1:10002/acct", true) == errc());
    CHECK(code("https://acct.table.core.windows.net", false) == errc());
}

TEST_CASE("a service that rejects the token is not asked again") {
    bearer_store s;
    for (const std::string& challenge : {std::string(), std::string("Basic realm=\"x\""), named(tenant),
                                         std::string("Bearer error=\"insufficient_claims\"")}) {
        s.net->answer(unauthorized(challenge));
        const error e = failure_of([&] { s.run(s.db.get("k")); });
        CHECK(e.code() == errc::unauthorized);
        CHECK(e.code() == condition::unauthorized);
        CHECK(e.status() == 401);
    }
    s.net->answer(403, error_body("AuthorizationPermissionMismatch"));
    CHECK(failure_of([&] { s.run(s.db.get("k")); }).code() == errc::forbidden);
    CHECK(s.net->sent.size() == 5);
    CHECK(s.source->asked.size() == 2); // the first rejected one may have been revoked; the next is kept
}

TEST_CASE("claims that the service requires are requested once") {
    // {"access_token":{"nbf":{"essential":true}}}
    const std::string challenge = "Bearer realm=\"\", error=\"insufficient_claims\", "
                                  "claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==\"";
    bearer_store s;
    s.net->answer(unauthorized(challenge));
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    REQUIRE(s.source->asked.size() == 2);
    CHECK(s.source->asked[1].claims() == R"({"access_token":{"nbf":{"essential":true}}})");
    CHECK(token_in(s.net->sent.at(0)) == 1);
    CHECK(token_in(s.net->sent.at(1)) == 2);

    s.net->answer(200, entity); // the new token is used from now on
    CHECK(s.run(s.db.get("k")));
    CHECK(token_in(s.net->sent.at(2)) == 2);
    CHECK(s.source->asked.size() == 2);

    s.net->answer(unauthorized(challenge));
    s.net->answer(unauthorized(challenge));
    CHECK(failure_of([&] { s.run(s.db.get("k")); }).code() == errc::unauthorized);
    CHECK(s.net->sent.size() == 5);
    CHECK(s.net->finished());
}

TEST_CASE("a request without a token discovers the tenant") {
    bearer_store s(store_options().tenant_discovery(true));
    s.net->answer(unauthorized(named(tenant)));
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    REQUIRE(s.net->sent.size() == 2);
    CHECK(token_in(s.net->sent[0]) == 0);
    CHECK_FALSE(contains(s.net->sent[0], "\r\nAuthorization"));
    CHECK(token_in(s.net->sent[1]) == 1);
    REQUIRE(s.source->asked.size() == 1);
    CHECK(s.source->asked[0].tenant() == tenant);
    CHECK(s.source->asked[0].authority() == "https://login.microsoftonline.com");
    CHECK(s.source->asked[0].scope() == "https://storage.azure.com/.default");

    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    CHECK(token_in(s.net->sent.at(2)) == 1); // it is known now
    CHECK(s.net->finished());
}

TEST_CASE("a tenant whose token is rejected is not remembered") {
    bearer_store s(store_options().tenant_discovery(true));
    s.net->answer(unauthorized(named("hostile.example")));
    s.net->answer(unauthorized(named("hostile.example")));
    CHECK(failure_of([&] { s.run(s.db.get("k")); }).code() == errc::unauthorized);
    s.net->answer(unauthorized(named(tenant)));
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    CHECK(s.source->asked.back().tenant() == tenant);
}

TEST_CASE("a challenge is trusted only about the service itself and only over TLS") {
    // Another resource is never requested; an authority without TLS is not one.
    bearer_store s(store_options().tenant_discovery(true));
    s.net->answer(unauthorized("Bearer authorization_uri=\"https://login.microsoftonline.com/" + tenant
                               + "/oauth2/authorize\", resource_id=\"https://vault.azure.net\""));
    s.net->answer(200, entity);
    CHECK(s.run(s.db.get("k")));
    CHECK(s.source->asked.at(0).scope() == "https://storage.azure.com/.default");

    bearer_store plain(store_options().tenant_discovery(true));
    plain.net->answer(unauthorized(named(tenant, "http://login.microsoftonline.com")));
    CHECK(failure_of([&] { plain.run(plain.db.get("k")); }).code() == errc::unauthorized);
    CHECK(plain.source->asked.empty());
}

TEST_CASE("a challenge cannot name an authority other than the trusted one") {
    const auto c = credential::token(client_secret_credential(
        tenant, "client", secrets::client_secret, identity_options().allow_tenant("*").timeout(50ms)));
    scripted_store s(store_options().tenant_discovery(true), account_url, c);
    s.net->answer(unauthorized(named(tenant, "https://login.evil.example")));
    const error e = failure_of([&] { s.run(s.db.get("k")); });
    CHECK(e.code() == errc::authentication_failed);
    CHECK(contains(e.what(), "another authority"));
    CHECK_FALSE(contains(e.what(), "evil"));
    CHECK(s.net->sent.size() == 1);
}

TEST_CASE("without a token nothing is sent and the error names the operation") {
    bearer_store s;
    s.source->failure = std::make_exception_ptr(error(errc::authentication_failed, "the authority said no"));
    const error e = failure_of([&] { s.run(s.db.get("k", "things")); });
    CHECK(e.code() == errc::authentication_failed);
    CHECK(e.code() == condition::unauthorized);
    CHECK(std::string(e.what()) == R"(get "k" in "things": logging in: the authority said no)");
    CHECK(e.key() == "k");
    CHECK(s.net->sent.empty());

    s.source->failure = nullptr;
    s.net->answer(204);
    s.run(s.db.put("k", value(), "things"));
    CHECK(s.net->finished());
}

TEST_CASE("a null source is rejected") {
    CHECK_THROWS_AS(credential::token(nullptr), error);
    CHECK_THROWS_AS(chained_credential({}), error);
    CHECK_THROWS_AS(callback_credential({}), error);
}

TEST_CASE("stores created with one credential share its tokens") {
    const auto source = std::make_shared<recording_source>();
    const credential c = credential::token(source);
    scripted_store one(store_options(), account_url, c);
    scripted_store two(store_options(), "https://other.table.core.windows.net", c);
    for (scripted_store* s : {&one, &two}) {
        s->net->answer(200, entity);
        CHECK(s->run(s->db.get("k")));
    }
    CHECK(source->asked.size() == 1);
}
