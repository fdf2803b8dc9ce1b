#include "identity/sources/client_assertion.hpp"
#include "identity/sources/entra.hpp"
#include "identity/sources/workload_identity.hpp"
#include "support/base64.hpp"
#include "support/certificates.hpp"
#include "support/identity_server.hpp"
#include "support/recorded_environment.hpp"
#include "support/rsa_certificates.hpp"
#include "support/run.hpp"
#include "support/scripted_transport.hpp"

#include <azkv/config.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::identity;
using namespace azkv::test;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

const std::string scope = "https://storage.azure.com/.default";

token_request usual() {
    return token_request(scope);
}

bool is_the_token(const access_token& t) {
    return t.token().reveal() == secrets::access_token;
}

/// A scripted authority.
class scripted_authority {
public:
    std::shared_ptr<token_credential> credential(const std::string& tenant, client_proof proof) {
        return make_entra_credential(env.with(net), settings, tenant, "app-1", std::move(proof));
    }

    std::shared_ptr<token_credential> credential(const std::string& tenant = "tenant-1") {
        return credential(tenant, prove_by_secret(secret(secrets::client_secret)));
    }

    access_token token(token_request r = usual(), const std::string& tenant = "tenant-1") {
        const auto c = credential(tenant);
        return token_of(context, c, std::move(r));
    }

    error failure(token_request r = usual(), const std::string& tenant = "tenant-1") {
        const error e = failure_of([&] { token(std::move(r), tenant); });
        CHECK_FALSE(secrets::shown_in(all_of(e)));
        return e;
    }

    asio::io_context context;
    recorded_environment env;
    std::shared_ptr<scripted_transport> net = std::make_shared<scripted_transport>();
    entra_settings settings;
};

std::string head_for(const std::string& path, const std::string& host, std::size_t length) {
    return "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: azkv/" AZKV_VERSION_STRING
           + "\r\nAccept: application/json\r\nContent-Type: "
             "application/x-www-form-urlencoded\r\nContent-Length: "
           + std::to_string(length) + "\r\n\r\n";
}

std::string body_of(const std::string& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

} // namespace

TEST_CASE("a token by client secret is requested byte for byte") {
    scripted_authority a;
    a.net->answer(200, token_body());
    const auto before = std::chrono::system_clock::now();
    const access_token t = a.token();
    const auto after = std::chrono::system_clock::now();
    CHECK(is_the_token(t));
    CHECK(t.expires_on() >= before + 3599s);
    CHECK(t.expires_on() <= after + 3599s);
    CHECK_FALSE(t.refresh_on());

    const std::string body =
        "grant_type=client_credentials&client_id=app-1&scope=https%3A%2F%2Fstorage.azure.com%"
        "2F.default&client_secret="
        + secrets::client_secret;
    const std::string expected =
        head_for("/tenant-1/oauth2/v2.0/token", "login.microsoftonline.com", body.size()) + body;
    const bool same = a.net->sent.at(0) == expected;
    CHECK(same);
    CHECK(a.net->finished());
    CHECK(a.env.pauses().empty());
}

TEST_CASE("a form is percent-encoded") {
    scripted_authority a;
    a.net->answer(200, token_body());
    const auto c = make_entra_credential(a.env.with(a.net), a.settings, "contoso.onmicrosoft.com",
                                         "app 1&x=y", prove_by_secret(secret(secrets::reserved_secret)));
    token_of(a.context, c, usual().claims(R"({"a":"?"})"));
    const std::string expected =
        "grant_type=client_credentials&client_id=app%201%26x%3Dy&scope=https%3A%2F%2Fstorage."
        "azure.com%2F.default&claims=%7B%22a%22%3A%22%3F%22%7D&client_secret="
        + secrets::reserved_secret_in_form;
    const bool same = body_of(a.net->sent.at(0)) == expected;
    CHECK(same);
    CHECK(a.net->sent.at(0).starts_with("POST /contoso.onmicrosoft.com/oauth2/v2.0/token HTTP/1.1\r\n"));
}

TEST_CASE("the request to AD FS has its own form") {
    scripted_authority a;
    a.settings.authority_host = "https://fs.example:8443";
    a.net->answer(200, token_body());
    CHECK(is_the_token(a.token(usual(), "adfs")));
    const std::string body = "grant_type=client_credentials&client_id=app-1&resource=https%3A%2F%2Fstorage."
                             "azure.com&client_secret="
                             + secrets::client_secret;
    const bool same =
        a.net->sent.at(0) == head_for("/adfs/oauth2/token", "fs.example:8443", body.size()) + body;
    CHECK(same);

    const issued_certificate own = issue("app", usual_rsa_key());
    const temporary_file file(own.pem() + own.key_pem());
    for (const char* tenant : {"adfs", "ADFS"}) {
        a.net->answer(200, token_body());
        const auto c = a.credential(tenant, prove_by_certificate(file.path(), {}, false));
        CHECK(is_the_token(token_of(a.context, c, usual())));
        CHECK(contains(a.net->sent.back(), "/oauth2/token HTTP/1.1"));
        auto form = parse_form(body_of(a.net->sent.back()));
        const std::string jwt = form.at("client_assertion");
        const auto header =
            json::parse(support::decode_base64_lenient(jwt.substr(0, jwt.find('.'))).value()).as_object();
        CHECK(header.at("alg") == "RS256");
        CHECK(form.at("resource") == "https://storage.azure.com");
        CHECK_FALSE(form.contains("scope"));
    }
}

TEST_CASE("which tenant is requested") {
    const auto asked = [](entra_settings s, const std::string& own, const std::string& wanted) {
        scripted_authority a;
        a.settings = std::move(s);
        a.net->answer(200, token_body());
        a.token(usual().tenant(wanted), own);
        const std::string target = a.net->sent.at(0).substr(6); // after `POST /`
        return target.substr(0, target.find("/oauth2"));
    };
    const entra_settings usual_settings;
    CHECK(asked(usual_settings, "own", "") == "own");
    CHECK(asked(usual_settings, "own", "OWN") == "own");
    CHECK(asked(usual_settings, "adfs", "other") == "adfs");
    entra_settings some;
    some.allowed_tenants = {"one", "Two.example"};
    CHECK(asked(some, "own", "one") == "one");
    CHECK(asked(some, "own", "two.EXAMPLE") == "two.EXAMPLE");
    entra_settings any;
    any.allowed_tenants = {"*"};
    CHECK(asked(any, "own", "other") == "other");
    CHECK(asked(any, "adfs", "other") == "adfs");
    any.own_tenant_only = true;
    CHECK(asked(any, "own", "other") == "own");

    scripted_authority a;
    for (const auto& allowed : {std::vector<std::string>(), std::vector<std::string>{"one", "oth"}}) {
        a.settings.allowed_tenants = allowed;
        const error e = a.failure(usual().tenant("other"));
        CHECK(e.code() == errc::authentication_failed);
        CHECK(contains(e.what(), "not allowed to request tokens of the tenant;"));
        CHECK(contains(e.what(), "identity_options::allow_tenant"));
    }
    CHECK(a.net->sent.empty());
}

TEST_CASE("a foreign authority is not contacted") {
    scripted_authority a;
    for (const char* url :
         {"https://login.example", "http://login.microsoftonline.com",
          "https://login.microsoftonline.com:8443", "https://login.microsoftonline.com.evil.example",
          "https://login.microsoftonline.com@evil.example"}) {
        CAPTURE(url);
        const error e = a.failure(usual().authority(url));
        CHECK(e.code() == errc::authentication_failed);
        CHECK(contains(e.what(), "another authority than https://login.microsoftonline.com"));
        CHECK_FALSE(contains(e.what(), "example"));
    }
    CHECK(a.net->sent.empty());
    a.net->answer(200, token_body());
    CHECK(is_the_token(a.token(usual().authority("https://LOGIN.microsoftonline.com"))));
}

TEST_CASE("an invalid application is rejected on construction") {
    const auto refusal = [](const std::string& host, const std::string& tenant, const std::string& id) {
        entra_settings s;
        s.authority_host = host;
        const error e = failure_of([&] {
            make_entra_credential(recorded_environment().offline(), s, tenant, id,
                                  prove_by_secret(secret(secrets::client_secret)));
        });
        CHECK(e.code() == errc::invalid_argument);
        return std::string(e.what());
    };
    for (const char* host : {"http://login.example", "login.example", "https://login.example/path", "",
                             "https://", "https://user@login.example", "https://login.example/?x"}) {
        CAPTURE(host);
        CHECK(refusal(host, "t", "app") == "authority_host must be an https URL without a path");
    }
    CHECK(contains(refusal("https://login.example", "", "app"), "invalid tenant: it is empty"));
    for (const char* tenant : {"a/b", "..", "-t", "a b", "t?x", "t#", "%2e"}) {
        CAPTURE(tenant);
        CHECK(contains(refusal("https://login.example", tenant, "app"), "a tenant must be"));
    }
    CHECK(contains(refusal("https://login.example", "t", ""), "invalid client id: it is empty"));
    CHECK(failure_of([] { prove_by_secret(secret()); }).code() == errc::invalid_argument);

    entra_settings s;
    s.authority_host = "https://login.example/"; // a valid one
    CHECK(make_entra_credential(recorded_environment().offline(), s, "t", "app",
                                prove_by_secret(secret(secrets::client_secret))));
}

TEST_CASE("lost connections and timeouts are retried") {
    scripted_authority a;
    a.net->fail(asio::error::connection_reset, true);
    a.net->fail(errc::timed_out, true);
    a.net->answer(200, token_body());
    CHECK(is_the_token(a.token()));
    CHECK(a.net->sent.size() == 3);
    const bool same = a.net->sent[0] == a.net->sent[1] && a.net->sent[1] == a.net->sent[2];
    CHECK(same);
    CHECK(a.env.pauses().size() == 2);
}

TEST_CASE("a cancelled request for a token is not retried") {
    scripted_authority a;
    a.net->fail(asio::error::operation_aborted, true);
    boost::system::error_code ec;
    try {
        a.token();
    } catch (const boost::system::system_error& e) {
        ec = e.code();
    }
    CHECK(ec == asio::error::operation_aborted);
    CHECK(a.net->sent.size() == 1);
}

TEST_CASE("no pause begins that exceeds the remaining time") {
    scripted_authority a;
    protocol::response r;
    r.status = 429;
    r.retry_after = "121";
    a.net->answer(r);
    CHECK(a.failure().code() == errc::throttled);
    CHECK(a.env.pauses().empty());
}

TEST_CASE("an error holds the authority's reply in the diagnostics") {
    scripted_authority a;
    protocol::response r;
    r.status = 401;
    r.request_id = "id-7";
    r.body =
        R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.",)"
        R"("error_codes":[7000215],"trace_id":"x"})";
    a.net->answer(r);
    const error e = a.failure();
    CHECK(e.code() == errc::authentication_failed);
    CHECK(e.code() == condition::unauthorized);
    CHECK(e.code() != condition::transient);
    CHECK(std::string(e.what())
          == "login.microsoftonline.com returned no token (HTTP 401, invalid_client, AADSTS7000215)");
    CHECK(e.status() == 401);
    CHECK(e.service_code() == "AADSTS7000215");
    CHECK(e.server_message() == "AADSTS7000215: Invalid client secret provided.");
    CHECK(e.request_id() == "id-7");
    CHECK(a.net->sent.size() == 1);
}

TEST_CASE("an authority that echoes the request does not put the secret into the error") {
    scripted_authority a;
    protocol::response r;
    r.status = 400;
    r.body = R"({"error":"invalid_request","error_description":"got client_secret=)" + secrets::client_secret
             + R"(&scope=x"})";
    a.net->answer(r);
    const error e = a.failure();
    CHECK_FALSE(secrets::shown_in(e.server_message()));
    CHECK(e.server_message() == "got client_secret=***&scope=x");
}

// The tests below use a real HTTPS server.

namespace {

/// The three kinds of application, at one authority.
class applications {
public:
    applications() { settings.authority_host = server.url(); }

    std::shared_ptr<token_credential> by_secret() {
        return make(prove_by_secret(secret(secrets::client_secret)));
    }

    std::shared_ptr<token_credential> by_certificate() {
        return make(prove_by_certificate(file_.path(), secret(secrets::passphrase), true));
    }

    std::shared_ptr<token_credential> by_token_file() {
        return make_workload_identity_credential(env.with(server.transport()), settings, "tenant-1", "app-1",
                                                 token_file_.path());
    }

    access_token token(const std::shared_ptr<token_credential>& c, token_request r = usual()) {
        return token_of(context, c, std::move(r));
    }

    /// One credential of each kind.
    error failure() {
        std::optional<error> last;
        for (const auto& c : {by_certificate(), by_token_file(), by_secret()}) {
            last = failure_of([&] { token(c); });
            CHECK_FALSE(secrets::shown_in(all_of(*last)));
        }
        return *last;
    }

    asio::io_context context;
    identity_server server;
    recorded_environment env;
    entra_settings settings;
    issued_certificate own = issue("app", usual_rsa_key());

private:
    std::shared_ptr<token_credential> make(client_proof proof) {
        return make_entra_credential(env.with(server.transport()), settings, "tenant-1", "app-1",
                                     std::move(proof));
    }

    temporary_file file_{own.pem() + own.key_pem(secrets::passphrase)};
    temporary_file token_file_{secrets::federated_token + '\n'};
};

http_reply with_header(http_reply reply, const std::string& name, const std::string& text) {
    reply.headers.emplace_back(name, text);
    return reply;
}

} // namespace

TEST_CASE("tokens over TLS for each kind of application") {
    applications a;
    a.server.answer(http_reply(200, token_body()));
    CHECK(is_the_token(a.token(a.by_secret())));
    CHECK(is_the_token(a.token(a.by_certificate())));
    CHECK(is_the_token(a.token(a.by_token_file())));
    CHECK(a.context.stopped());

    const auto requests = a.server.requests();
    REQUIRE(requests.size() == 3);
    std::vector<std::map<std::string, std::string>> forms;
    for (const http_request& r : requests) {
        CHECK(r.method == "POST");
        CHECK(r.target == "/tenant-1/oauth2/v2.0/token");
        CHECK(r.headers.at("host") == a.server.host());
        CHECK(r.headers.at("content-type") == "application/x-www-form-urlencoded");
        forms.push_back(parse_form(r.body));
        CHECK(forms.back().at("grant_type") == "client_credentials");
        CHECK(forms.back().at("client_id") == "app-1");
        CHECK(forms.back().at("scope") == scope);
    }
    const bool secret_sent = forms[0].at("client_secret") == secrets::client_secret && forms[0].size() == 4;
    CHECK(secret_sent);
    for (int i : {1, 2}) {
        CHECK(forms[i].at("client_assertion_type")
              == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        CHECK(forms[i].size() == 5);
    }
    const bool file_sent = forms[2].at("client_assertion") == secrets::federated_token;
    CHECK(file_sent);

    const std::string jwt = forms[1].at("client_assertion");
    const auto dot = jwt.find('.');
    const auto claims =
        json::parse(support::decode_base64_lenient(jwt.substr(dot + 1, jwt.rfind('.') - dot - 1)).value())
            .as_object();
    CHECK(claims.at("aud").as_string() == a.server.url() + requests[1].target);
    CHECK(claims.at("iss") == "app-1");
    CHECK(claims.at("sub") == "app-1");
    CHECK(claims.at("exp").as_int64() - claims.at("nbf").as_int64() == 600);
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    CHECK(claims.at("iat").as_int64() <= now);
    CHECK(claims.at("iat").as_int64() > now - 60);
}

TEST_CASE("an unknown application is not retried") {
    for (const unsigned status : {400u, 401u, 403u, 404u}) {
        applications a;
        a.server.answer(http_reply(status,
                                   R"({"error":"invalid_client","error_description":"AADSTS700027: said)"
                                   R"( the server","error_codes":[700027]})"));
        const error e = a.failure();
        CHECK(e.code() == errc::authentication_failed);
        CHECK(e.status() == static_cast<int>(status));
        CHECK(contains(e.what(), a.server.host()));
        CHECK(contains(e.what(), "AADSTS700027"));
        CHECK_FALSE(contains(e.what(), "said the server"));
        CHECK(e.server_message() == "AADSTS700027: said the server");
        CHECK(a.server.requests().size() == 3); // one of each
        CHECK(a.env.pauses().empty());
    }
}

TEST_CASE("an authority's Retry-After is respected") {
    applications a;
    a.server.answer(with_header(http_reply(429, "{}"), "Retry-After", "7"));
    a.server.answer(http_reply(200, token_body()));
    CHECK(is_the_token(a.token(a.by_secret())));
    REQUIRE(a.env.pauses().size() == 1);
    CHECK(a.env.pauses()[0] >= 7s);
    CHECK(a.env.pauses()[0] <= 7700ms);
    CHECK(a.server.requests().size() == 2);
}

TEST_CASE("an authority that fails once is retried") {
    applications a;
    for (const auto& c : {a.by_secret(), a.by_certificate(), a.by_token_file()}) {
        a.server.answer(http_reply(500, "oops"));
        a.server.answer(http_reply(200, token_body()));
        CHECK(is_the_token(a.token(c)));
        a.server.answer(http_reply(500)); // the first reply is for the next credential
        CHECK_NOTHROW(a.token(c));        // the last reply repeats forever
    }
}

TEST_CASE("an authority that always fails") {
    applications a;
    a.server.answer(http_reply(503, "<html>out of order</html>"));
    const error e = a.failure();
    CHECK(e.code() == errc::server_error);
    CHECK(e.code() == condition::transient);
    CHECK(e.status() == 503);
    CHECK(contains(e.what(), a.server.host() + " returned no token (HTTP 503)"));
    CHECK(a.server.requests().size() == 12); // four of each
    CHECK(a.env.pauses().size() == 9);
    for (const auto pause : a.env.pauses()) {
        CHECK(pause >= 50ms);
        CHECK(pause <= 10s);
    }
}

TEST_CASE("an authority that always throttles") {
    applications a;
    a.server.answer(with_header(http_reply(429, "{}"), "Retry-After", "1"));
    const error e = failure_of([&] { a.token(a.by_secret()); });
    CHECK(e.code() == errc::throttled);
    CHECK(e.code() == condition::throttled);
    CHECK(a.env.pauses().size() == 3);
    for (const auto pause : a.env.pauses()) CHECK((pause >= 1s && pause <= 1100ms));
}

TEST_CASE("an authority that cannot be reached") {
    applications a;
    asio::io_context other;
    asio::ip::tcp::acceptor deaf(other, asio::ip::tcp::v4()); // it has a port, but does not listen
    deaf.bind(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const std::string host = "127.0.0.1:" + std::to_string(deaf.local_endpoint().port());
    a.settings.authority_host = "https://" + host;
    const error e = a.failure();
    CHECK(e.code() == asio::error::connection_refused);
    CHECK(e.code() == condition::transient);
    CHECK(contains(e.what(), "connecting to " + host));
    CHECK(a.env.pauses().size() == 9);
}

TEST_CASE("an authority with an untrusted certificate receives nothing") {
    applications a;
    a.settings.authority_host = "https://127.0.0.1:" + a.server.host().substr(a.server.host().find(':') + 1);
    const error e = a.failure();
    CHECK(contains(e.what(), "TLS handshake with 127.0.0.1"));
    CHECK(e.code() != condition::transient);
    CHECK(a.server.requests().empty());
    CHECK(a.env.pauses().empty());
}

TEST_CASE("responses without a token") {
    for (const std::string& body :
         {std::string(), std::string("<html></html>"), std::string("[1]"), std::string("{}"),
          std::string(R"({"access_token":7,"expires_in":3599})"), token_body(""),
          token_body(secrets::broken_access_token), R"({"access_token":")" + secrets::access_token + "\"}",
          R"({"expires_in":-1,"access_token":")" + secrets::access_token + "\"}"}) {
        applications a;
        a.server.answer(http_reply(200, body));
        const error e = a.failure();
        CHECK(e.code() == errc::bad_response);
        CHECK(a.server.requests().size() == 3);
    }
}

TEST_CASE("a redirect is not followed") {
    applications a;
    a.server.answer(with_header(http_reply(302), "Location", a.server.url() + "/elsewhere"));
    CHECK(a.failure().code() == errc::authentication_failed);
    CHECK(a.server.requests().size() == 3);
}

TEST_CASE("tenants and authorities against a real server") {
    applications a;
    a.server.answer(http_reply(200, token_body()));
    const auto refused = [&](const token_request& r) {
        for (const auto& c : {a.by_secret(), a.by_certificate(), a.by_token_file()}) {
            const error e = failure_of([&] { a.token(c, r); });
            CHECK(e.code() == errc::authentication_failed);
            CHECK_FALSE(secrets::shown_in(all_of(e)));
        }
        CHECK(a.server.requests().empty());
    };
    refused(usual().tenant("tenant-2"));
    refused(usual().authority("https://login.microsoftonline.com"));
    refused(usual().authority("https://127.0.0.1"));

    a.settings.allowed_tenants = {"Tenant-2"};
    CHECK(is_the_token(a.token(a.by_certificate(), usual().tenant("tenant-2").authority(a.server.url()))));
    const auto requests = a.server.requests();
    REQUIRE(requests.size() == 1);
    CHECK(requests[0].target == "/tenant-2/oauth2/v2.0/token");
    const std::string jwt = parse_form(requests[0].body).at("client_assertion");
    const auto dot = jwt.find('.');
    const auto claims =
        json::parse(support::decode_base64_lenient(jwt.substr(dot + 1, jwt.rfind('.') - dot - 1)).value());
    CHECK(claims.at("aud").as_string() == a.server.url() + "/tenant-2/oauth2/v2.0/token");
}
