// Managed identities: over a scripted network, and over a real one.

#include "identity/sources/identity_source.hpp"
#include "identity/sources/managed_identity.hpp"
#include "net/http_transport.hpp"
#include "net/tls.hpp"
#include "support/certificates.hpp"
#include "support/http_server.hpp"
#include "support/run.hpp"
#include "support/scripted_transport.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_secrets.hpp"

#include <azkv/error.hpp>
#include <azkv/identity.hpp>

#include <boost/algorithm/string/erase.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace azkv;
using namespace azkv::test;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::system_clock;

namespace {

asio::awaitable<void> no_time() {
    co_return;
}

asio::awaitable<std::optional<access_token>> take(std::shared_ptr<token_credential> from, token_request r) {
    std::optional<access_token> t(co_await from->token(std::move(r)));
    co_return t;
}

std::string seconds_from_now(std::chrono::seconds s) {
    return std::to_string(system_clock::to_time_t(system_clock::now() + s));
}

std::string token_body(const std::string& more = R"("expires_in":"3599")") {
    return R"({"token_type":"Bearer","access_token":")" + secrets::access_token + "\"," + more + '}';
}

/// A machine with the test's own variables, files and network.
class machine {
public:
    identity::credential_environment env() {
        identity::credential_environment s;
        s.variable = [this](const char* name) {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
        };
        s.transport = [](const asio::any_io_executor&) -> std::shared_ptr<net::transport> {
            FAIL("managed identities are asked directly");
            return nullptr;
        };
        s.direct = [this](const asio::any_io_executor& executor) -> std::shared_ptr<net::transport> {
            if (real)
                return std::make_shared<net::http_transport>(executor, net::pool::limits(4),
                                                             net::connector::settings());
            return net;
        };
        s.pause = [this](milliseconds time) {
            pauses.push_back(time);
            return no_time();
        };
        s.probe_timeout = 1s;
        s.arc_agent = files.path() + "/himds";
        s.arc_keys = files.path() + "/tokens";
        return s;
    }

    std::shared_ptr<token_credential> credential(const managed_identity_id& id = {}, bool probe = false) {
        return identity::make_managed_identity_credential(env(), id, probe);
    }

    access_token token(const std::shared_ptr<token_credential>& from) {
        return *run(context, take(from, token_request("https://storage.azure.com/.default")));
    }

    access_token token(const managed_identity_id& id = {}) { return token(credential(id)); }

    /// Returns the error of a failed request for a token; checks that it reveals no secret.
    error failure(const std::shared_ptr<token_credential>& from) {
        const error e = failure_of([&] { token(from); });
        CHECK_FALSE(secrets::shown_in(e.what()));
        return e;
    }

    error failure(const managed_identity_id& id = {}) { return failure(credential(id)); }

    /// Returns true if request `i` was this one.
    bool sent(std::size_t i, const std::string& request_line, const std::string& host,
              const std::string& rest) {
        return i < net->sent.size()
               && net->sent[i]
                      == request_line + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: azkv/"
                             + AZKV_VERSION_STRING + "\r\nAccept: application/json\r\n" + rest;
    }

    std::map<std::string, std::string> variables;
    bool real = false; // the network
    std::shared_ptr<scripted_transport> net = std::make_shared<scripted_transport>();
    std::vector<milliseconds> pauses;
    temporary_directory files;
    asio::io_context context;
};

bool is_token(const access_token& t) {
    return t.token().reveal() == secrets::access_token;
}

bool is_between(milliseconds time, milliseconds from, milliseconds to) {
    return time >= from && time <= to;
}

const std::string fabric_thumbprint = "0123456789abcdefABCDEF012345678901234567";

void in_service_fabric(machine& m) {
    m.variables = {{"IDENTITY_ENDPOINT", "https://localhost:2377/metadata/identity/oauth2/token"},
                   {"IDENTITY_HEADER", secrets::identity_header},
                   {"IDENTITY_SERVER_THUMBPRINT", fabric_thumbprint}};
}

void in_app_service(machine& m) {
    m.variables = {{"IDENTITY_ENDPOINT", "http://127.0.0.1:41056/msi/token"},
                   {"IDENTITY_HEADER", secrets::identity_header}};
}

void in_arc(machine& m) {
    m.variables = {{"IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token"},
                   {"IMDS_ENDPOINT", "http://localhost:40342"}};
}

void in_azure_ml(machine& m) {
    m.variables = {{"MSI_ENDPOINT", "http://127.0.0.1:46808/MSI/auth"}, {"MSI_SECRET", secrets::msi_secret}};
}

void in_cloud_shell(machine& m) {
    m.variables = {{"MSI_ENDPOINT", "http://localhost:50342/oauth2/token"}};
}

void in_virtual_machine(machine& m) {
    m.variables.clear();
}

using setting = void (*)(machine&);

const std::string resource = "resource=https%3A%2F%2Fstorage.azure.com";
const std::string metadata = "Metadata: true\r\n\r\n";

const managed_identity_id by_client = managed_identity_id::client("c-1 &=%+\xC3\xA4");
const managed_identity_id by_object = managed_identity_id::object("o-1");
const managed_identity_id by_resource = managed_identity_id::resource("/subscriptions/s/x y");

const std::string client_text = "c-1%20%26%3D%25%2B%C3%A4";
const std::string resource_text = "%2Fsubscriptions%2Fs%2Fx%20y";

} // namespace

TEST_CASE("an identity has an id or is system-assigned") {
    CHECK(managed_identity_id().type() == managed_identity_id::kind::system);
    CHECK(managed_identity_id().id().empty());
    CHECK(by_client.type() == managed_identity_id::kind::client);
    CHECK(by_object.type() == managed_identity_id::kind::object);
    CHECK(by_resource.type() == managed_identity_id::kind::resource);
    CHECK(by_object.id() == "o-1");
    for (auto make :
         {&managed_identity_id::client, &managed_identity_id::object, &managed_identity_id::resource})
        CHECK(failure_of([&] { make(""); }).code() == errc::invalid_argument);
}

TEST_CASE("the request to each source for each kind of identity") {
    class question {
    public:
        setting where;
        std::string request_line, host, headers; // the first without its query
        std::string query;
        std::string client, object, resource; // parameters; empty: rejected
    };

    const std::string header = secrets::identity_header + "\r\n\r\n";
    const std::string metadata_line = "GET /metadata/identity/oauth2/token";
    const std::vector<question> questions = {
        {in_service_fabric, metadata_line, "localhost:2377", "secret: " + header,
         "?api-version=2019-07-01-preview&", "", "", ""},
        {in_app_service, "GET /msi/token", "127.0.0.1:41056", "X-IDENTITY-HEADER: " + header,
         "?api-version=2019-08-01&", "client_id", "object_id", "mi_res_id"},
        {in_arc, metadata_line, "localhost:40342", metadata, "?api-version=2019-11-01&", "", "", ""},
        {in_azure_ml, "GET /MSI/auth", "127.0.0.1:46808", "secret: " + secrets::msi_secret + "\r\n\r\n",
         "?api-version=2017-09-01&", "clientid", "", ""},
        {in_virtual_machine, metadata_line, "169.254.169.254", metadata, "?api-version=2018-02-01&",
         "client_id", "object_id", "msi_res_id"},
    };
    for (const question& q : questions) {
        CAPTURE(q.query);
        const auto ask = [&](const managed_identity_id& id, const std::string& parameter) {
            machine m;
            q.where(m);
            m.net->answer(200, token_body());
            CHECK(is_token(m.token(id)));
            CHECK(m.sent(0, q.request_line + q.query + resource + parameter, q.host, q.headers));
            CHECK(m.net->sent.size() == 1);
        };
        const auto ask_or_not = [&](const managed_identity_id& id, const std::string& name,
                                    const std::string& text) {
            if (!name.empty()) return ask(id, '&' + name + '=' + text);
            machine m;
            q.where(m);
            CHECK(failure_of([&] { m.credential(id); }).code() == errc::invalid_argument);
        };
        ask({}, "");
        ask_or_not(by_client, q.client, client_text);
        ask_or_not(by_object, q.object, "o-1");
        ask_or_not(by_resource, q.resource, resource_text);
    }
}

TEST_CASE("Cloud Shell takes a form and has one identity") {
    machine m;
    in_cloud_shell(m);
    m.net->answer(200, token_body());
    CHECK(is_token(m.token()));
    CHECK(m.sent(0, "POST /oauth2/token", "localhost:50342",
                 "Metadata: true\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
                     + std::to_string(resource.size()) + "\r\n\r\n" + resource));
    for (const auto& id : {by_client, by_object, by_resource}) {
        const error e = failure_of([&] { m.credential(id); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), "Cloud Shell has one identity"));
    }
}

TEST_CASE("the server of Service Fabric is identified only by its thumbprint") {
    machine m;
    in_service_fabric(m);
    m.net->answer(200, token_body());
    m.token();
    REQUIRE(m.net->to.size() == 1);
    CHECK(m.net->to[0].tls);
    CHECK(m.net->to[0].thumbprint == fabric_thumbprint);
    in_app_service(m);
    m.net->answer(200, token_body());
    m.token();
    CHECK(m.net->to[1].thumbprint.empty());

    for (const char* odd : {"12", "0123456789abcdefABCDEF01234567890123456g", "01:23"}) {
        in_service_fabric(m);
        m.variables["IDENTITY_SERVER_THUMBPRINT"] = odd;
        const error e = failure_of([&] { m.credential(); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), "IDENTITY_SERVER_THUMBPRINT"));
    }
    in_service_fabric(m);
    m.variables["IDENTITY_ENDPOINT"] = "http://127.0.0.1:2377/metadata/identity/oauth2/token";
    CHECK(contains(failure_of([&] { m.credential(); }).what(), "IDENTITY_ENDPOINT must be an https URL"));
}

TEST_CASE("Azure ML has a default identity") {
    machine m;
    in_azure_ml(m);
    m.variables["DEFAULT_IDENTITY_CLIENT_ID"] = "usual";
    m.net->answer(200, token_body());
    m.token();
    CHECK(contains(m.net->sent[0], "&clientid=usual HTTP"));
    m.net->answer(200, token_body());
    m.token(by_client);
    CHECK(contains(m.net->sent[1], "&clientid=" + client_text + " HTTP"));
}

TEST_CASE("the variables select the first source that they describe") {
    machine m;
    const auto name = [&] { return std::string(identity::find_identity_source(m.env(), {}).name); };
    CHECK(name() == "the metadata service");
    m.variables = {{"IMDS_ENDPOINT", "http://localhost:40342"},
                   {"IDENTITY_SERVER_THUMBPRINT", fabric_thumbprint}};
    CHECK(name() == "the metadata service");
    m.variables["IDENTITY_ENDPOINT"] = "https://localhost:1/a";
    CHECK(name() == "Azure Arc");
    m.variables["MSI_ENDPOINT"] = "http://localhost:1/b";
    m.variables["MSI_SECRET"] = secrets::msi_secret;
    CHECK(name() == "Azure Arc");
    m.variables["IDENTITY_HEADER"] = secrets::identity_header;
    CHECK(name() == "Service Fabric");
    m.variables.erase("IDENTITY_SERVER_THUMBPRINT");
    CHECK(name() == "App Service");
    m.variables.erase("IDENTITY_ENDPOINT");
    CHECK(name() == "Azure ML");
    m.variables.erase("MSI_SECRET");
    CHECK(name() == "Cloud Shell");
    std::ofstream(m.files.path() + "/himds") << "an agent";
    CHECK(name() == "Cloud Shell"); // a variable takes precedence over a file
    m.variables.erase("MSI_ENDPOINT");
    CHECK(name() == "Azure Arc");
}

TEST_CASE("the agent of Azure Arc is found by its file") {
    machine m;
    std::ofstream(m.files.path() + "/himds") << "an agent";
    m.net->answer(200, token_body());
    CHECK(is_token(m.token()));
    CHECK(m.sent(0, "GET /metadata/identity/oauth2/token?api-version=2019-11-01&" + resource,
                 "127.0.0.1:40342", metadata));
}

TEST_CASE("variables are read when the credential is made") {
    machine m;
    in_app_service(m);
    const auto made = m.credential();
    in_cloud_shell(m);
    m.net->answer(200, token_body());
    m.token(made);
    CHECK(contains(m.net->sent[0], "GET /msi/token?"));
}

TEST_CASE("a source is local or is reached over TLS") {
    class place {
    public:
        setting where;
        const char* variable;
    };

    machine m;
    const auto complaint = [&](const place& p, const std::string& url) {
        p.where(m);
        m.variables[p.variable] = url;
        try {
            m.credential();
            return std::string();
        } catch (const error& e) {
            CHECK(e.code() == errc::invalid_argument);
            CHECK(contains(e.what(), p.variable));
            CHECK_FALSE(secrets::shown_in(e.what()));
            return std::string(e.what());
        }
    };
    for (const place& p : {place{in_app_service, "IDENTITY_ENDPOINT"}, place{in_arc, "IDENTITY_ENDPOINT"},
                           place{in_azure_ml, "MSI_ENDPOINT"}, place{in_cloud_shell, "MSI_ENDPOINT"},
                           place{in_virtual_machine, "AZURE_POD_IDENTITY_AUTHORITY_HOST"}}) {
        for (const std::string near :
             {"http://127.0.0.1:41056/msi/token", "http://127.8.8.8", "http://localhost:8081/msi/token/",
              "http://LOCALHOST", "http://169.254.129.4:8081/msi/token", "http://10.0.0.4/x",
              "http://172.16.0.1", "http://172.31.255.255", "http://192.168.1.1", "http://[::1]:80/x",
              "http://[fe80::1]/x", "http://[febf::1]/x", "http://[fd00::1]/x", "http://[::ffff:127.0.0.1]/x",
              "https://identity.example/msi", "https://8.8.8.8"}) {
            CAPTURE(near);
            CHECK(complaint(p, near).empty());
        }
        for (const std::string far :
             {"http://identity.example/msi", "http://8.8.8.8/", "http://172.15.0.1", "http://172.32.0.1",
              "http://169.253.0.1", "http://11.0.0.1", "http://192.169.0.1", "http://128.0.0.1",
              "http://2130706433/", "http://localhost.example/", "http://[2001:db8::1]/", "http://[fec0::1]/",
              "http://[::ffff:8.8.8.8]/", "http://[fe00::1]/"}) {
            CAPTURE(far);
            CHECK(contains(complaint(p, far), "must be an https URL, or have an address of this machine"));
        }
        for (const std::string none : {"nonsense", "ftp://127.0.0.1/", "127.0.0.1:41056", "http://",
                                       "http:///x", "http://127.0.0.1/x y", "http://127.0.0.1/\r\nA: b",
                                       "http://127.0.0.1/x?y=z", "http://127.0.0.1/#x"}) {
            CAPTURE(none);
            CHECK(contains(complaint(p, none), "must be an http or https URL"));
        }
        for (const std::string port : {"65536", "99999", "99999999999999999999"}) {
            CAPTURE(port);
            CHECK_FALSE(complaint(p, "http://127.0.0.1:" + port + "/x").empty());
        }
        const std::string with_user = "http://u:" + secrets::msi_secret + "@127.0.0.1/";
        CHECK_FALSE(complaint(p, with_user).empty());
    }
}

TEST_CASE("a secret that no header can hold is rejected with its variable's name") {
    machine m;
    const std::string odd = secrets::msi_secret + "\r\nEvil: 1";
    const auto refused_for = [&](const char* variable) {
        m.variables[variable] = odd;
        const error e = failure_of([&] { m.credential(); });
        CHECK_FALSE(secrets::shown_in(e.what()));
        return e.code() == errc::invalid_argument && contains(e.what(), variable);
    };
    in_app_service(m);
    CHECK(refused_for("IDENTITY_HEADER"));
    in_service_fabric(m);
    CHECK(refused_for("IDENTITY_HEADER"));
    in_azure_ml(m);
    CHECK(refused_for("MSI_SECRET"));
}

TEST_CASE("the endpoint of a variable is used unchanged") {
    machine m;
    in_app_service(m);
    m.variables["IDENTITY_ENDPOINT"] = "http://localhost:41741/MSI/token/";
    m.net->answer(200, token_body());
    m.token();
    CHECK(contains(m.net->sent[0], "GET /MSI/token/?api-version=2019-08-01&"));

    m.variables = {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:40342/"}};
    m.net->answer(200, token_body());
    m.token();
    CHECK(m.sent(1, "GET /metadata/identity/oauth2/token?api-version=2018-02-01&" + resource,
                 "127.0.0.1:40342", metadata));
}

// -- Tokens

TEST_CASE("a token's expiry and the half of its lifetime") {
    machine m;
    const auto told = [&](const std::string& more) {
        m.net->answer(200, token_body(more));
        return m.token();
    };
    const auto now = system_clock::now();
    const auto in_a_day = told(R"("expires_on":")" + seconds_from_now(24h) + R"(","expires_in":"5")");
    CHECK(in_a_day.expires_on() > now + 24h - 2s);
    CHECK(in_a_day.expires_on() < now + 24h + 60s);
    REQUIRE(in_a_day.refresh_on());
    CHECK(*in_a_day.refresh_on() > now + 12h - 2s);
    CHECK(*in_a_day.refresh_on() < now + 12h + 60s);

    CHECK_FALSE(told(R"("expires_in":"7199")").refresh_on());
    CHECK(told(R"("expires_in":"7200")").refresh_on());
    const auto said = told(R"("expires_in":86400,"refresh_in":"600")").refresh_on();
    REQUIRE(said);
    CHECK(*said < now + 700s);

    CHECK(told(R"("expires_on":"01/02/2026 03:04:05 +00:00")").expires_on()
          == system_clock::from_time_t(1767323045));
    CHECK(told(R"("expires_on":"2026-01-02T03:04:05Z")").expires_on()
          == system_clock::from_time_t(1767323045));
}

TEST_CASE("a response without a token") {
    for (const setting where :
         {in_service_fabric, in_app_service, in_arc, in_azure_ml, in_cloud_shell, in_virtual_machine})
        for (const std::string& body :
             {std::string(), std::string("<html>hello</html>"), std::string("{}"), std::string("[]"),
              R"({"expires_in":1,"access_token":""})" + std::string(), token_body("\"expires_in\":-1"),
              R"({"access_token":")" + secrets::access_token + "\"}", token_body() + token_body(),
              R"({"expires_in":"9","access_token":")" + secrets::access_token + "\\r\\n\"}",
              token_body("\"expires_in\":1,\"x\":\"" + std::string(300'000, 'x') + '"')}) {
            machine m;
            where(m);
            m.net->answer(200, body);
            CHECK(m.failure().code() == errc::bad_response);
        }
}

TEST_CASE("errors name the source and keep its message in the diagnostics") {
    machine m;
    in_app_service(m);
    protocol::response r;
    r.status = 400;
    r.request_id = "id-1";
    r.body = R"({"statusCode":400,"message":"No )" + secrets::access_token + R"( here","correlationId":"1"})";
    m.net->answer(r);
    const error e = m.failure();
    CHECK(e.code() == errc::authentication_failed);
    CHECK(std::string(e.what()) == "App Service returned no token (HTTP 400)");
    CHECK(secrets::shown_in(e.server_message()));
    CHECK(e.request_id() == "id-1");

    in_cloud_shell(m);
    m.net->answer(400, R"({"error":{"code":"AudienceNotSupported","message":"Audience is not supported"}})");
    const error unsupported = m.failure();
    CHECK(std::string(unsupported.what()) == "Cloud Shell returned no token (HTTP 400)");
    CHECK(unsupported.service_code() == "AudienceNotSupported");
    CHECK(unsupported.server_message() == "Audience is not supported");

    in_service_fabric(m);
    for (const unsigned status : {301u, 204u, 401u, 403u, 404u}) {
        m.net->answer(status);
        CHECK(m.failure().status() == static_cast<int>(status));
    }
    CHECK(m.pauses.empty());
    CHECK(m.net->finished());
}

TEST_CASE("the other sources are retried like an authority") {
    for (const setting where : {in_service_fabric, in_app_service, in_arc, in_azure_ml, in_cloud_shell}) {
        machine m;
        where(m);
        m.net->answer(503);
        m.net->fail(asio::error::connection_refused, false);
        m.net->answer(429);
        m.net->answer(200, token_body());
        CHECK(is_token(m.token()));
        CHECK(m.pauses.size() == 3);
        const bool same = m.net->sent[0] == m.net->sent[3];
        CHECK(same);
        for (int i = 0; i < 4; ++i) m.net->fail(asio::error::connection_refused, false);
        CHECK(m.failure().code() == asio::error::connection_refused);
        CHECK(m.net->finished());
    }
}

// -- Virtual machines

TEST_CASE("the metadata service is retried five times") {
    for (const unsigned status : {404u, 429u, 500u, 501u, 503u, 504u, 599u, 0u}) {
        CAPTURE(status);
        machine m;
        for (int i = 0; i < 5; ++i) {
            if (status == 0)
                m.net->fail(asio::error::connection_refused, false);
            else
                m.net->answer(status);
        }
        m.net->answer(200, token_body());
        CHECK(is_token(m.token()));
        CHECK(m.net->sent.size() == 6);
        REQUIRE(m.pauses.size() == 5);
        for (milliseconds ceiling = 800ms; const milliseconds pause : m.pauses) {
            CHECK(is_between(pause, ceiling / 2, ceiling));
            ceiling *= 2;
        }
        for (const std::string& request : m.net->sent) {
            const bool same = request == m.net->sent[0];
            CHECK(same);
        }
    }
}

TEST_CASE("the metadata service is not retried further") {
    machine m;
    for (const auto& [status, code] : {std::pair(404u, errc::authentication_failed),
                                       {410u, errc::authentication_failed},
                                       {429u, errc::throttled},
                                       {500u, errc::server_error},
                                       {503u, errc::server_error}}) {
        for (int i = 0; i < 6; ++i) m.net->answer(status);
        const error e = m.failure();
        CHECK(e.code() == code);
        CHECK(e.status() == static_cast<int>(status));
        CHECK(contains(e.what(), "the metadata service returned no token (HTTP "));
        CHECK(m.net->finished());
    }
}

TEST_CASE("permanent errors are not retried") {
    machine m;
    for (const unsigned status : {400u, 401u, 403u, 408u, 409u}) {
        m.net->answer(status, R"({"error":"invalid_request","error_description":"bad request"})");
        const error e = m.failure();
        CHECK(e.code() == (status == 408 ? errc::timed_out : errc::authentication_failed));
        CHECK(contains(e.what(), "invalid_request"));
    }
    CHECK(m.pauses.empty());
}

TEST_CASE("the store waits for a metadata service that is being upgraded") {
    machine m;
    for (int i = 0; i < 5; ++i) m.net->answer(410);
    m.net->answer(200, token_body());
    CHECK(is_token(m.token()));
    REQUIRE(m.pauses.size() == 5);
    const milliseconds longest[] = {6s, 12s, 24s, 48s, 50s};
    milliseconds least{0};
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(is_between(m.pauses[i], longest[i] / 2, longest[i]));
        least += longest[i] / 2;
    }
    CHECK(least >= 70s);
}

TEST_CASE("70 seconds pass within the usual deadline at any jitter") {
    protocol::response gone;
    gone.status = 410;
    for (std::uint32_t seed = 0; seed < 2000; ++seed) {
        protocol::clocks now;
        const auto begin = now.steady;
        protocol::call_state state(identity::metadata_retries(),
                                   begin + identity::credential_environment().timeout, seed);
        while (state.on_response(gone, protocol::applied::no, now) == protocol::call_state::action::wait)
            now.steady += state.delay();
        const bool long_enough = now.steady - begin >= 70s;
        REQUIRE(long_enough);
    }
}

TEST_CASE("an identity that the machine does not have") {
    machine m;
    m.net->answer(400, R"({"error":"invalid_request","error_description":"Identity not found"})");
    const error e = m.failure(by_client);
    CHECK(e.code() == errc::credential_unavailable);
    CHECK(e.status() == 400);
    CHECK(e.server_message() == "Identity not found");
    CHECK(std::string(e.what()) == "the machine does not have this identity");

    in_app_service(m); // there it is an error of authentication
    m.net->answer(400, R"({"message":"Identity not found"})");
    CHECK(m.failure().code() == errc::authentication_failed);
}

TEST_CASE("a metadata service that a proxy cannot reach") {
    machine m;
    const std::string docker =
        "connecting to 169.254.169.254:80: dial tcp: connectex: A socket operation was "
        "attempted to an unreachable network.";
    m.net->answer(403, docker);
    const auto made = m.credential();
    CHECK(m.failure(made).code() == errc::credential_unavailable);
    for (int i = 0; i < 6; ++i) m.net->fail(asio::error::connection_refused, false);
    CHECK(m.failure(made).code() == errc::credential_unavailable); // the response was not the service's own
    m.net->sent.clear();
    m.net->answer(403, docker);
    CHECK(m.failure(m.credential({}, true)).code() == errc::credential_unavailable);
    CHECK(m.net->sent.size() == 1);
    m.net->answer(400); // to the probe: the service exists
    m.net->answer(403, "no");
    CHECK(m.failure(m.credential({}, true)).code() == errc::authentication_failed);
}

TEST_CASE(
    "in a chain the response of another cloud or a proxy is not taken for that of the metadata service") {
    for (const unsigned status : {401u, 403u, 404u, 405u}) {
        CAPTURE(status);
        machine m;
        m.net->answer(status, "<html>no</html>");
        const error e = m.failure(m.credential({}, true));
        CHECK(e.code() == errc::credential_unavailable);
        CHECK(contains(e.what(), "is not that of Azure"));
        CHECK(m.net->sent.size() == 1);
    }
}

TEST_CASE("a metadata service that never responded does not exist and one that did is down") {
    machine m;
    const auto made = m.credential();
    const auto be_away = [&](boost::system::error_code ec) {
        for (int i = 0; i < 6; ++i) m.net->fail(ec, false);
    };
    be_away(asio::error::connection_refused);
    const error none = m.failure(made);
    CHECK(none.code() == errc::credential_unavailable);
    CHECK(contains(none.what(), "no metadata service responds: "));
    CHECK(contains(none.what(), "169.254.169.254"));
    be_away(asio::error::network_unreachable);
    CHECK(m.failure(made).code() == errc::credential_unavailable);
    m.net->answer(200, token_body());
    m.token(made);
    be_away(asio::error::connection_refused);
    CHECK(m.failure(made).code() == asio::error::connection_refused);
    m.net->fail(errc::bad_response, false);
    CHECK(m.failure().code() == errc::bad_response);
    CHECK(m.net->finished());

    std::ofstream(m.files.path() + "/himds") << "an agent";
    for (int i = 0; i < 4; ++i) m.net->fail(asio::error::connection_refused, false);
    const error no_agent = m.failure();
    CHECK(no_agent.code() == errc::credential_unavailable);
    CHECK(contains(no_agent.what(), "the agent of Azure Arc does not respond: "));
}

TEST_CASE("in a chain a probe checks for the metadata service first") {
    for (const unsigned status : {200u, 400u, 410u, 429u, 503u}) {
        CAPTURE(status);
        machine m;
        const auto made = m.credential(by_object, true);
        m.net->answer(status, "Required metadata header not specified");
        m.net->answer(200, token_body());
        CHECK(is_token(m.token(made)));
        CHECK(m.sent(0, "GET /metadata/identity/oauth2/token", "169.254.169.254", "\r\n"));
        CHECK(contains(m.net->sent[1], "token?api-version=2018-02-01&"));
        m.net->answer(200, token_body()); // no second probe
        m.token(made);
        CHECK(m.net->sent.size() == 3);
        CHECK(m.pauses.empty());
    }
}

TEST_CASE("a probe is sent once and again after a failure") {
    machine m;
    const auto made = m.credential({}, true);
    for (int i = 0; i < 2; ++i) {
        m.net->fail(asio::error::connection_refused, false);
        const error e = m.failure(made);
        CHECK(e.code() == errc::credential_unavailable);
        CHECK(contains(e.what(), "no metadata service responds"));
    }
    m.net->fail(errc::bad_response, false); // any malformed response
    CHECK(m.failure(made).code() == errc::credential_unavailable);
    CHECK(m.pauses.empty());
    m.net->answer(400);
    for (int i = 0; i < 6; ++i) m.net->fail(asio::error::connection_reset, false);
    CHECK(m.failure(made).code() == asio::error::connection_reset); // the service exists
    CHECK(m.net->finished());
}

TEST_CASE("no probe is sent where the variables name a source") {
    for (const setting where : {in_service_fabric, in_app_service, in_arc, in_azure_ml, in_cloud_shell}) {
        machine m;
        where(m);
        m.net->answer(200, token_body());
        CHECK(is_token(m.token(m.credential({}, true))));
        CHECK(m.net->sent.size() == 1);
    }
}

TEST_CASE("a cancelled call reports cancellation") {
    for (const bool probe : {false, true}) {
        machine m;
        m.net->fail(asio::error::operation_aborted, false);
        boost::system::error_code ec;
        try {
            m.token(m.credential({}, probe));
        } catch (const boost::system::system_error& e) {
            ec = e.code();
        }
        CHECK(ec == asio::error::operation_aborted);
        CHECK(m.net->finished());
    }
}

// -- Azure Arc

namespace {

class arc_machine : public machine {
public:
    arc_machine() {
        in_arc(*this);
        std::filesystem::create_directory(keys());
    }

    std::string keys() const { return files.path() + "/tokens"; }

    std::string path(const std::string& name) const { return keys() + '/' + name; }

    void write(const std::string& at, const std::string& text) {
        std::ofstream(at, std::ios::binary) << text;
    }

    void challenge(const std::string& text) {
        protocol::response r;
        r.status = 401;
        r.challenge = text;
        net->answer(std::move(r));
    }

    /// Returns why the challenge was not met.
    std::string refusal(const std::string& path) {
        net->sent.clear();
        challenge("Basic realm=" + path);
        const error e = failure();
        CHECK(e.code() == errc::authentication_failed);
        CHECK(net->sent.size() == 1);
        const bool repeated = !path.empty() && contains(e.what(), path);
        CHECK_FALSE(repeated);
        return e.what();
    }
};

} // namespace

TEST_CASE("the agent of Azure Arc sees that the program may read its key") {
    arc_machine m;
    const std::string key = m.path(secrets::arc_file + ".key");
    m.write(key, secrets::arc_key + "\r\n");
    for (const std::string& text :
         {"Basic realm=" + key, "basic Realm=\"" + key + '"', "Bearer x=y, Basic realm=" + key + ", z=1"}) {
        m.net->sent.clear();
        m.challenge(text);
        m.net->answer(200, token_body());
        CHECK(is_token(m.token()));
        const std::string line = "GET /metadata/identity/oauth2/token?api-version=2019-11-01&" + resource;
        CHECK(m.sent(0, line, "localhost:40342", metadata));
        CHECK(m.sent(1, line, "localhost:40342",
                     "Metadata: true\r\nAuthorization: Basic " + secrets::arc_key + "\r\n\r\n"));
    }
}

TEST_CASE("a process that poses as the agent gets no file other than a key") {
    arc_machine m;
    m.write(m.files.path() + "/outside.key", secrets::arc_key);
    m.write(m.path("a.key"), secrets::arc_key);
    std::filesystem::create_directory(m.path("sub"));
    m.write(m.path("sub/b.key"), secrets::arc_key);
    const std::string outside = "outside its directory of keys";
    for (const std::string& path :
         {m.files.path() + "/outside.key", m.path("../outside.key"), m.path("../tokens/a.key"),
          m.path("sub/b.key"), m.path("./a.key"), m.path("/a.key"), m.files.path() + "/tokens-2/a.key",
          std::string("a.key"), std::string("tokens/a.key"), std::string("/etc/passwd"),
          "/proc/self/cwd/" + m.path("a.key"), "file://" + m.path("a.key"), m.keys()}) {
        CAPTURE(path);
        CHECK(contains(m.refusal(path), outside));
    }
    CHECK(contains(m.refusal(""), outside));

    m.write(m.path("a.txt"), secrets::arc_key);
    m.write(m.path("a.key.txt"), secrets::arc_key);
    m.write(m.path("a.KEY"), secrets::arc_key);
    m.write(m.path(".key"), secrets::arc_key);
    for (const std::string name : {"a.txt", "a.key.txt", "a.KEY", "akey", "..", ".", "", ".key"}) {
        CAPTURE(name);
        CHECK(contains(m.refusal(m.path(name)), "is not a key file"));
    }
}

TEST_CASE("no link leads out of the directory of keys") {
    arc_machine m;
    m.write(m.files.path() + "/outside.key", secrets::arc_key);
    m.write(m.path("a.key"), secrets::arc_key);
    std::filesystem::create_symlink(m.files.path() + "/outside.key", m.path("link.key"));
    std::filesystem::create_symlink("a.key", m.path("inner.key"));
    CHECK(contains(m.refusal(m.path("link.key")), "cannot read the key file"));
    CHECK(contains(m.refusal(m.path("inner.key")), "cannot read the key file"));

    std::filesystem::rename(m.keys(), m.files.path() + "/moved");
    std::filesystem::create_directory_symlink(m.files.path() + "/moved", m.keys());
    CHECK(contains(m.refusal(m.path("a.key")), "cannot read the key file"));
}

TEST_CASE("a key is a small regular file whose content a header can hold") {
    arc_machine m;
    CHECK(contains(m.refusal(m.path("missing.key")), "cannot read the key file"));
    std::filesystem::create_directory(m.path("directory.key"));
    CHECK(contains(m.refusal(m.path("directory.key")), "is not a regular file"));
    REQUIRE(::mkfifo(m.path("pipe.key").c_str(), 0600) == 0);
    CHECK(contains(m.refusal(m.path("pipe.key")), "is not a regular file"));

    m.write(m.path("large.key"), std::string(4097, 'k'));
    CHECK(contains(m.refusal(m.path("large.key")), "has more than 4096 bytes"));
    for (const std::string& text : {std::string(), std::string(" \r\n"), secrets::arc_key + "\r\nEvil: 1",
                                    secrets::arc_key + '\0', secrets::arc_key + "\xC3\xA4"}) {
        m.write(m.path("odd.key"), text);
        CHECK(contains(m.refusal(m.path("odd.key")), "does not hold a key"));
    }

    m.write(m.path("largest.key"), std::string(4096, 'k'));
    m.challenge("Basic realm=" + m.path("largest.key"));
    m.net->answer(200, token_body());
    CHECK(is_token(m.token()));

    std::filesystem::remove_all(m.keys());
    CHECK(contains(m.refusal(m.path("a.key")), "cannot read the key file"));
}

TEST_CASE("the error names the user that may read the key") {
    if (::geteuid() == 0) return; // root may read any file
    arc_machine m;
    m.write(m.path("a.key"), secrets::arc_key);
    std::filesystem::permissions(m.path("a.key"), std::filesystem::perms::none);
    CHECK(contains(m.refusal(m.path("a.key")), "himds"));
}

TEST_CASE("Azure Arc: no challenge or a second one") {
    arc_machine m;
    for (const std::string text : {"", "Basic", "Basic realm", "Bearer realm=/x", "Digest realm=/x"}) {
        CAPTURE(text);
        m.challenge(text);
        const error e = m.failure();
        CHECK(e.code() == errc::authentication_failed);
        CHECK(contains(e.what(), "the challenge of the agent names no key file"));
    }
    m.write(m.path("a.key"), secrets::arc_key);
    m.net->sent.clear();
    m.challenge("Basic realm=" + m.path("a.key"));
    m.challenge("Basic realm=" + m.path("a.key"));
    const error e = m.failure();
    CHECK(e.code() == errc::authentication_failed);
    CHECK(std::string(e.what()) == "Azure Arc returned no token (HTTP 401)");
    CHECK(m.net->sent.size() == 2);
    CHECK(m.net->finished());

    in_app_service(m); // only Azure Arc receives files
    m.challenge("Basic realm=" + m.path("a.key"));
    CHECK(m.failure().status() == 401);
    CHECK(m.net->finished());
}

// -- Over a real network

namespace {

/// A server that records its requests.
class identity_server {
public:
    explicit identity_server(std::vector<http_reply> replies)
        : replies_(std::move(replies)), server_([this](const http_request& r) { return answer(r); }) {}

    std::string url() const { return "http://" + server_.authority(); }

    std::vector<http_request> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

private:
    http_reply answer(const http_request& r) {
        const std::lock_guard lock(mutex_);
        asked_.push_back(r);
        return replies_[std::min(asked_.size(), replies_.size()) - 1];
    }

    std::mutex mutex_;
    std::vector<http_request> asked_;
    const std::vector<http_reply> replies_;
    http_server server_;
};

http_reply late() {
    http_reply r(200, token_body());
    r.delay = 1h;
    return r;
}

} // namespace

TEST_CASE("over a real network: a virtual machine") {
    http_reply dropped;
    dropped.drop = true;
    identity_server server({http_reply(400), dropped, http_reply(503), http_reply(404),
                            http_reply(200, token_body(R"("expires_on":")" + seconds_from_now(24h) + '"'))});
    machine m;
    m.real = true;
    m.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = server.url();
    const auto made = m.credential(by_resource, true);
    const access_token t = m.token(made);
    CHECK(is_token(t));
    CHECK(t.refresh_on().has_value());
    CHECK(m.pauses.size() == 3);
    const auto asked = server.asked();
    REQUIRE(asked.size() == 5);
    CHECK(asked[0].target == "/metadata/identity/oauth2/token");
    CHECK(asked[0].headers.count("metadata") == 0);
    for (std::size_t i = 1; i < asked.size(); ++i) {
        CHECK(asked[i].method == "GET");
        CHECK(asked[i].target
              == "/metadata/identity/oauth2/token?api-version=2018-02-01&" + resource
                     + "&msi_res_id=" + resource_text);
        CHECK(asked[i].headers.at("metadata") == "true");
        CHECK(asked[i].body.empty());
    }
}

TEST_CASE("over a real network: App Service") {
    identity_server server({http_reply(200, token_body())});
    machine m;
    m.real = true;
    in_app_service(m);
    m.variables["IDENTITY_ENDPOINT"] = server.url() + "/msi/token";
    CHECK(is_token(m.token(by_client)));
    const auto asked = server.asked();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].target == "/msi/token?api-version=2019-08-01&" + resource + "&client_id=" + client_text);
    const bool known = asked[0].headers.at("x-identity-header") == secrets::identity_header;
    CHECK(known);
}

TEST_CASE("over a real network: Service Fabric is identified by the thumbprint of its certificate") {
    const certificate own = self_signed("node.example"); // signed by no authority, and for another name
    std::string shown;
    http_server server(
        [&shown](const http_request& r) {
            shown = r.headers.at("secret");
            return http_reply(200, token_body());
        },
        own);
    machine m;
    in_service_fabric(m);
    m.variables["IDENTITY_ENDPOINT"] =
        "https://127.0.0.1:" + std::to_string(server.port()) + "/metadata/identity/oauth2/token";
    const auto digits = [](const certificate& c) {
        return boost::algorithm::erase_all_copy(test::thumbprint(c), ":");
    };
    m.variables["IDENTITY_SERVER_THUMBPRINT"] = digits(own);
    identity::credential_environment env = m.env();
    net::connector::settings s;
    s.tls = std::make_shared<net::tls_client>(tls_options());
    env.direct = [s](const asio::any_io_executor& executor) {
        return std::make_shared<net::http_transport>(executor, net::pool::limits(1), s);
    };
    CHECK(is_token(m.token(identity::make_managed_identity_credential(env, {}, false))));
    const bool right = shown == secrets::identity_header;
    CHECK(right);

    m.variables["IDENTITY_SERVER_THUMBPRINT"] = digits(self_signed("node.example"));
    const error e = m.failure(identity::make_managed_identity_credential(env, {}, false));
    CHECK(contains(e.what(), "thumbprint"));
    CHECK(server.requests() == 1);
}

TEST_CASE("over a real network: Azure Arc and Cloud Shell") {
    arc_machine m;
    m.real = true;
    m.write(m.path("a.key"), secrets::arc_key);
    http_reply challenge(401);
    challenge.headers.emplace_back("WWW-Authenticate", "Basic realm=" + m.path("a.key"));
    identity_server agent({challenge, http_reply(200, token_body())});
    m.variables["IDENTITY_ENDPOINT"] = agent.url() + "/metadata/identity/oauth2/token";
    CHECK(is_token(m.token()));
    REQUIRE(agent.asked().size() == 2);
    const bool shown = agent.asked()[1].headers.at("authorization") == "Basic " + secrets::arc_key;
    CHECK(shown);

    identity_server shell({http_reply(200, token_body())});
    m.variables = {{"MSI_ENDPOINT", shell.url() + "/oauth2/token"}};
    CHECK(is_token(m.token()));
    REQUIRE(shell.asked().size() == 1);
    CHECK(shell.asked()[0].method == "POST");
    CHECK(shell.asked()[0].body == resource);
}

TEST_CASE("over a real network: no response to the probe in time") {
    identity_server server({late()});
    machine m;
    m.real = true;
    m.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = server.url();
    identity::credential_environment env = m.env();
    CHECK(identity::credential_environment().probe_timeout == 1s);
    env.probe_timeout = 30ms;
    const auto made = identity::make_managed_identity_credential(env, {}, true);
    const error e = m.failure(made);
    CHECK(e.code() == errc::credential_unavailable);
    CHECK(contains(e.what(), "no metadata service responds"));
    CHECK(server.asked().size() <= 1);
    CHECK(m.pauses.empty());
}

TEST_CASE("over a real network: concurrent calls on several threads") {
    http_server server([](const http_request& r) {
        return r.headers.count("metadata") == 0 ? http_reply(400) : http_reply(200, token_body());
    });
    machine m;
    m.real = true;
    m.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = "http://" + server.authority();
    const auto made = m.credential({}, true);
    std::atomic<int> tokens{0};
    for (int i = 0; i < 16; ++i)
        asio::co_spawn(m.context, take(made, token_request("a")),
                       [&](std::exception_ptr e, std::optional<access_token> t) {
                           if (!e && is_token(*t)) ++tokens;
                       });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { m.context.run(); });
    for (std::thread& t : threads) t.join();
    CHECK(tokens == 16);
    CHECK(server.requests() >= 17);
}

TEST_CASE("over a real network: the connection is refused") {
    std::string url;
    {
        const identity_server gone({late()});
        url = gone.url();
    }
    machine m;
    m.real = true;
    m.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = url;
    const error e = m.failure();
    CHECK(e.code() == errc::credential_unavailable);
    CHECK(contains(e.what(), "Connection refused"));
    CHECK(m.pauses.size() == 5);
    CHECK(m.failure(m.credential({}, true)).code() == errc::credential_unavailable);
    CHECK(m.pauses.size() == 5);

    in_app_service(m);
    m.variables["IDENTITY_ENDPOINT"] = url + "/msi/token";
    CHECK(m.failure().code() == asio::error::connection_refused);
}
