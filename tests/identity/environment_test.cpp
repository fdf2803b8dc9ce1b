#include "identity/sources/environment_credential.hpp"
#include "support/base64.hpp"
#include "support/certificates.hpp"
#include "support/identity_server.hpp"
#include "support/recorded_environment.hpp"
#include "support/rsa_certificates.hpp"
#include "support/run.hpp"
#include "support/scripted_transport.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

using namespace azkv;
using namespace azkv::identity;
using namespace azkv::test;
namespace json = boost::json;

namespace {

entra_settings settings(const std::string& name, const std::string& text) {
    recorded_environment env;
    env.variables[name] = text;
    return settings_from_environment(env.offline());
}

/// An environment with a scripted authority.
class environment {
public:
    environment() { env.variables = {{"AZURE_TENANT_ID", "tenant-1"}, {"AZURE_CLIENT_ID", "app-1"}}; }

    std::shared_ptr<token_credential> credential() {
        const credential_environment s = env.with(net);
        return make_environment_credential(s, settings_from_environment(s));
    }

    /// Returns the form that the credential sends.
    std::map<std::string, std::string> form() {
        net->answer(200, token_body());
        const auto c = credential();
        token_of(context, c, token_request("https://storage.azure.com/.default"));
        const std::string& sent = net->sent.back();
        return parse_form(sent.substr(sent.find("\r\n\r\n") + 4));
    }

    json::object header() {
        const std::string jwt = form().at("client_assertion");
        return json::parse(support::decode_base64_lenient(jwt.substr(0, jwt.find('.'))).value()).as_object();
    }

    asio::io_context context;
    recorded_environment env;
    std::shared_ptr<scripted_transport> net = std::make_shared<scripted_transport>();
};

} // namespace

TEST_CASE("the environment names the authority") {
    CHECK(settings("AZURE_AUTHORITY_HOST", "").authority_host == "https://login.microsoftonline.com");
    const auto host = [](const std::string& text) {
        return settings("AZURE_AUTHORITY_HOST", text).authority_host;
    };
    CHECK(host("https://login.microsoftonline.us") == "https://login.microsoftonline.us");
    CHECK(host("https://login.microsoftonline.us/") == "https://login.microsoftonline.us");
    CHECK(host(" login.chinacloudapi.cn/ ") == "https://login.chinacloudapi.cn");
    CHECK(host("login.example:8443") == "https://login.example:8443");
    for (const char* text : {"http://login.example", "https://login.example/x", "login.example/x", "https://",
                             "ftp://login.example", "a b"}) {
        CAPTURE(text);
        const error e = failure_of([&] { host(text); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), "AZURE_AUTHORITY_HOST must be an https URL"));
    }
}

TEST_CASE("the environment lists the allowed tenants") {
    using texts = std::vector<std::string>;
    const auto tenants = [](const std::string& text) {
        return settings("AZURE_ADDITIONALLY_ALLOWED_TENANTS", text).allowed_tenants;
    };
    CHECK(tenants("") == texts());
    CHECK(tenants("*") == texts{"*"});
    CHECK(tenants("a;b.example; c ;;d;") == texts{"a", "b.example", "c", "d"});
}

TEST_CASE("switches in the environment") {
    for (const char* name :
         {"AZURE_IDENTITY_DISABLE_MULTITENANTAUTH", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"}) {
        const auto on = [&](const char* text) {
            const entra_settings s = settings(name, text);
            CHECK_FALSE(bool(s.own_tenant_only && s.send_certificate_chain));
            return s.own_tenant_only || s.send_certificate_chain;
        };
        for (const char* text : {"1", "true", "True", "TRUE"}) CHECK(on(text));
        for (const char* text : {"", "0", "false", "yes", "11"}) CHECK_FALSE(on(text));
    }
}

TEST_CASE("the environment defines an application with a secret") {
    environment e;
    e.env.variables["AZURE_CLIENT_SECRET"] = secrets::client_secret;
    e.env.variables["AZURE_CLIENT_CERTIFICATE_PATH"] = "/nowhere/app.pem"; // the secret takes precedence
    const auto form = e.form();
    const bool same = form.at("client_secret") == secrets::client_secret;
    CHECK(same);
    CHECK_FALSE(form.contains("client_assertion"));
    CHECK(contains(e.net->sent.at(0), "Host: login.microsoftonline.com\r\n"));

    e.env.variables["AZURE_AUTHORITY_HOST"] = "login.microsoftonline.us";
    e.form();
    CHECK(contains(e.net->sent.at(1), "Host: login.microsoftonline.us\r\n"));

    // The tenant of a request is ignored.
    e.env.variables["AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"] = "true";
    e.net->answer(200, token_body());
    const auto c = e.credential();
    token_of(e.context, c, token_request("x").tenant("tenant-2"));
    CHECK(e.net->sent.at(2).starts_with("POST /tenant-1/"));
}

TEST_CASE("the environment defines an application with a certificate") {
    const issued_certificate own = issue("app", usual_rsa_key());
    const temporary_file file(own.pem() + own.key_pem(secrets::passphrase));
    environment e;
    e.env.variables["AZURE_CLIENT_CERTIFICATE_PATH"] = file.path();
    e.env.variables["AZURE_CLIENT_CERTIFICATE_PASSWORD"] = secrets::passphrase;
    CHECK_FALSE(e.header().contains("x5c"));
    e.env.variables["AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"] = "1";
    CHECK(e.header().at("x5c").as_array().size() == 1);

    e.env.variables["AZURE_CLIENT_CERTIFICATE_PASSWORD"] = secrets::wrong_passphrase;
    const error wrong = failure_of([&] { e.credential(); });
    CHECK(wrong.code() == errc::invalid_argument);
    CHECK(contains(wrong.what(), "variables"));
    CHECK(contains(wrong.what(), file.path()));
    CHECK_FALSE(secrets::shown_in(all_of(wrong)));
}

TEST_CASE("an environment without an application is unavailable and the error says what is missing") {
    const auto complaint = [](const std::map<std::string, std::string>& variables) {
        environment e;
        e.env.variables = variables;
        const auto c = e.credential();
        const error why = failure_of([&] { token_of(e.context, c, token_request("x")); });
        CHECK(why.code() == errc::credential_unavailable);
        CHECK_FALSE(secrets::shown_in(all_of(why)));
        return std::string(why.what());
    };
    CHECK(complaint({})
          == "these variables are not set: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or "
             "AZURE_CLIENT_CERTIFICATE_PATH");
    CHECK(complaint({{"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_SECRET", secrets::client_secret}})
          == "these variables are not set: AZURE_CLIENT_ID");
    CHECK(complaint({{"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_ID", "app"}})
          == "these variables are not set: AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH");
    CHECK(complaint({{"AZURE_CLIENT_ID", "app"}, {"AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere"}})
          == "these variables are not set: AZURE_TENANT_ID");
}
