#include "identity/fake_programs.hpp"
#include "identity/sources/developer_tools.hpp"
#include "support/run.hpp"
#include "support/test_secrets.hpp"

#include <azkv/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace azkv;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using azkv::test::contains;
using azkv::test::secrets::tool_token;
using credential_ptr = std::shared_ptr<token_credential>;

namespace {

const std::string scope = "https://storage.azure.com/.default";
const std::string tenant = "11111111-2222-3333-4444-555555555555";
const std::string other_tenant = "99999999-8888-7777-6666-555555555555";
const std::chrono::system_clock::time_point at_2026 =
    std::chrono::sys_days(std::chrono::January / 2 / 2026) + 3h;
constexpr const char* seconds_2026 = "1767322800"; // of it

asio::awaitable<std::optional<access_token>> ask(credential_ptr c, token_request r) {
    access_token t = co_await c->token(std::move(r));
    co_return std::optional<access_token>(std::move(t));
}

access_token token_of(const credential_ptr& c, token_request r = token_request(scope)) {
    asio::io_context context;
    return test::run(context, ask(c, std::move(r))).value();
}

error refusal_of(const credential_ptr& c, token_request r = token_request(scope)) {
    return test::failure_of([&] { token_of(c, std::move(r)); });
}

bool is_tool_token(const access_token& t) {
    return t.token().reveal() == tool_token;
}

/// Tools that are scripts, and credentials that run them.
class fake_tools : public test::fake_programs {
public:
    fake_tools() {
        env.variable = [path = directory()](const char* name) {
            return name == std::string_view("PATH") ? std::optional(path) : std::nullopt;
        };
        env.working_directory = left();
    }

    /// Adds a tool that records its arguments, and answers.
    void answers(const std::string& tool, const std::string& answer) {
        add(tool, R"(for a in "$@"; do printf '<%s>\n' "$a"; done > "$left/arguments"
env > "$left/environment"
pwd -P > "$left/directory"
readlink /proc/self/fd/0 > "$left/input"
cat <<'END'
)" + answer + "\nEND");
    }

    /// Adds a tool that fails.
    void fails(const std::string& tool, int code, const std::string& message) {
        add(tool, "cat >&2 <<'END'\n" + message + "\nEND\nexit " + std::to_string(code));
    }

    credential_ptr az(std::string own = {}, std::string subscription = {}) const {
        return make_azure_cli_credential(env, settings, std::move(own), std::move(subscription));
    }

    credential_ptr azd(std::string own = {}) const {
        return make_azure_developer_cli_credential(env, settings, std::move(own));
    }

    credential_ptr pwsh(std::string own = {}) const {
        return make_azure_powershell_credential(env, settings, std::move(own));
    }

    /// Returns an environment variable of the recorded run; "none" if it was not set.
    std::string variable(const std::string& name) const {
        const std::string all = '\n' + text("environment");
        const std::size_t at = all.find('\n' + name + '=');
        if (at == all.npos) return "none";
        const std::size_t begin = at + name.size() + 2;
        return all.substr(begin, all.find('\n', begin) - begin);
    }

    identity::credential_environment env;
    identity::entra_settings settings;
};

std::string az_answer(const std::string& expiry) {
    return R"({ "accessToken": ")" + tool_token + R"(", )" + expiry + R"(, "subscription": "s", "tenant": ")"
           + tenant + R"(", "tokenType": "Bearer" })";
}

std::string azd_answer(const std::string& expiry) {
    return R"({"token":")" + tool_token + R"(","expiresOn":)" + expiry + '}';
}

std::string pwsh_answer(const std::string& expiry) {
    return R"({"Token":")" + tool_token + R"(","ExpiresOn":)" + expiry + '}';
}

const std::string az_arguments = "<account>\n<get-access-token>\n<--output>\n<json>\n"
                                 "<--resource>\n<https://storage.azure.com>\n";
const std::string azd_arguments = "<auth>\n<token>\n<--output>\n<json>\n<--no-prompt>\n"
                                  "<--scope>\n<https://storage.azure.com/.default>\n";

/// Sets the time zone of the machine, and restores it.
class time_zone {
public:
    explicit time_zone(const char* zone) {
        if (const char* const z = std::getenv("TZ")) before_ = z;
        setenv("TZ", zone, 1);
        tzset();
    }

    ~time_zone() {
        if (before_)
            setenv("TZ", before_->c_str(), 1);
        else
            unsetenv("TZ");
        tzset();
    }

private:
    std::optional<std::string> before_;
};

} // namespace

TEST_CASE("the Azure CLI runs without a shell in its directory with empty input") {
    fake_tools tools;
    tools.answers("az", az_answer(R"("expires_on": 1767322800)"));
    const access_token t = token_of(tools.az());
    CHECK(is_tool_token(t));
    CHECK(t.expires_on() == at_2026);
    CHECK(tools.text("arguments") == az_arguments);
    CHECK(tools.variable("AZURE_CORE_NO_COLOR") == "true");
    CHECK(tools.text("directory") == std::filesystem::canonical(tools.left()).string() + '\n');
    CHECK(tools.text("input") == "/dev/null\n");

    token_of(tools.az(tenant));
    CHECK(tools.text("arguments") == az_arguments + "<--tenant>\n<" + tenant + ">\n");
    token_of(tools.az({}, "My sub_1.x-y"));
    CHECK(tools.text("arguments") == az_arguments + "<--subscription>\n<My sub_1.x-y>\n");
    token_of(tools.az(), token_request(scope).tenant("contoso.com"));
    CHECK(tools.text("arguments") == az_arguments + "<--tenant>\n<contoso.com>\n");
}

TEST_CASE("with a subscription and a tenant the CLI selects the subscription which must belong to the "
          "tenant") {
    fake_tools tools;
    tools.answers("az", az_answer(R"("expires_on": 1767322800)"));
    CHECK(is_tool_token(token_of(tools.az(tenant, "sub"))));
    CHECK(tools.text("arguments") == az_arguments + "<--subscription>\n<sub>\n");
    CHECK(is_tool_token(token_of(tools.az("contoso.com", "sub")))); // cannot be compared
    const error e = refusal_of(tools.az(other_tenant, "sub"));
    CHECK(e.code() == errc::authentication_failed);
    CHECK(contains(e.what(), other_tenant));
    CHECK_FALSE(contains(e.what(), tool_token));
}

TEST_CASE("every form in which the Azure CLI reports a token's expiry") {
    const time_zone zone("AZK-05:30"); // ahead of UTC
    for (const std::string expiry :
         {R"("expires_on": 1767322800, "expiresOn": "2030-01-01 00:00:00.000000")",
          R"("expires_on": "1767322800")", R"("expiresOn": "2026-01-02 08:30:00.000000")",
          R"("expires_on": "soon", "expiresOn": "2026-01-02 08:30:00")",
          R"("expiresOn": "2026-01-02T03:00:00Z")", R"("expiresOn": "2026-01-02T01:00:00.0-02:00")"}) {
        CAPTURE(expiry);
        fake_tools tools;
        tools.answers("az", az_answer(expiry));
        const bool right = token_of(tools.az()).expires_on() == at_2026;
        CHECK(right);
    }
}

TEST_CASE("the Azure Developer CLI also accepts claims") {
    fake_tools tools;
    tools.answers("azd", azd_answer(R"("2026-01-02T03:00:00Z")"));
    const access_token t = token_of(tools.azd());
    CHECK(is_tool_token(t));
    CHECK(t.expires_on() == at_2026);
    CHECK(tools.text("arguments") == azd_arguments);
    CHECK(tools.text("directory") == std::filesystem::canonical(tools.left()).string() + '\n');
    token_of(tools.azd(tenant), token_request(scope).claims(R"({"a":"b?"})"));
    CHECK(tools.text("arguments")
          == azd_arguments + "<--tenant-id>\n<" + tenant + ">\n<--claims>\n<eyJhIjoiYj8ifQ==>\n");
}

TEST_CASE("PowerShell runs a constant script and takes the rest from variables") {
    fake_tools tools;
    tools.answers("pwsh", "WARNING: something new\n" + pwsh_answer(seconds_2026) + "\r");
    const access_token t = token_of(tools.pwsh());
    CHECK(is_tool_token(t));
    CHECK(t.expires_on() == at_2026);
    const std::string arguments = tools.text("arguments");
    CHECK(arguments.starts_with(
        "<-NoProfile>\n<-NonInteractive>\n<-Command>\n<$ErrorActionPreference = 'Stop'\n"));
    CHECK(contains(arguments, "Get-AzAccessToken @ask"));
    CHECK(arguments.ends_with("}>\n"));
    CHECK(tools.variable("AZKV_RESOURCE") == "https://storage.azure.com");
    CHECK(tools.variable("AZKV_TENANT") == "");
    CHECK(tools.text("directory") == std::filesystem::canonical(tools.left()).string() + '\n');

    token_of(tools.pwsh(), token_request(scope).tenant(tenant));
    CHECK(tools.text("arguments") == arguments);
    CHECK(tools.variable("AZKV_TENANT") == tenant);
}

TEST_CASE("every form in which PowerShell reports a token's expiry") {
    const time_zone zone("AZK+05");
    for (const std::string expiry :
         {"1767322800", R"("1767322800")", R"("2026-01-02T03:00:00+00:00")",
          R"("2026-01-01T22:00:00.1234567-05:00")", R"("01/02/2026 03:00:00 +00:00")",
          R"("01/01/2026 22:00:00")", R"("2026-01-01T22:00:00")", R"("\/Date(1767322800000)\/")"}) {
        CAPTURE(expiry);
        fake_tools tools;
        tools.answers("pwsh", pwsh_answer(expiry));
        const bool right = token_of(tools.pwsh()).expires_on() == at_2026;
        CHECK(right);
    }
}

TEST_CASE("a missing tool is unavailable") {
    fake_tools tools;
    for (const credential_ptr& c : {tools.az(), tools.azd(), tools.pwsh()}) {
        const error e = refusal_of(c);
        CHECK(e.code() == errc::credential_unavailable);
        CHECK(contains(e.what(), "is not installed"));
    }
    CHECK(refusal_of(tools.az()).what() == std::string("the Azure CLI is not installed"));
    // The interpreter of the tool is missing, or a part of it.
    tools.fails("az", 127, "az: 12: python3: not found");
    CHECK(refusal_of(tools.az()).what() == std::string("the Azure CLI is not installed"));
    tools.env.working_directory = "/nowhere";
    const error e = refusal_of(tools.az());
    CHECK(e.code() == errc::credential_unavailable);
    CHECK(contains(e.what(), "cannot be started"));
    tools.env.variable = [](const char*) { return std::optional<std::string>(); };
    CHECK(refusal_of(tools.az()).code() == errc::credential_unavailable);
}

TEST_CASE("no tool in a relative directory is run") {
    fake_tools tools;
    tools.answers("az", az_answer(R"("expires_on": 1767322800)"));
    tools.env.working_directory = tools.directory();
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(tools.directory());
    for (const char* path : {"", ".", ":", "./", "../programs", ":/nowhere:.:"}) {
        tools.env.variable = [path](const char*) { return std::optional<std::string>(path); };
        CHECK(refusal_of(tools.az()).code() == errc::credential_unavailable);
    }
    std::filesystem::current_path(before);
    CHECK_FALSE(tools.has("arguments"));
}

TEST_CASE("a tool without a signed-in user is unavailable and the message says how to sign in") {
    fake_tools tools;
    tools.fails("az", 1, "ERROR: Please run 'az login' to setup account.");
    tools.fails(
        "azd", 1,
        R"({"type":"consoleMessage","data":{"message":"\nERROR: not logged in, run `azd auth login`"}})");
    tools.fails("pwsh", 1, "Run Connect-AzAccount to login.");
    const auto check = [](const error& e, const char* how) {
        CHECK(e.code() == errc::credential_unavailable);
        CHECK(contains(e.what(), how));
        CHECK(contains(e.server_message(), how));
        CHECK(e.code() == condition::unauthorized);
    };
    check(refusal_of(tools.az()), "az login");
    check(refusal_of(tools.azd()), "azd auth login");
    check(refusal_of(tools.pwsh()), "Connect-AzAccount");
    CHECK(refusal_of(tools.az()).server_message() == "ERROR: Please run 'az login' to setup account.\n");
}

TEST_CASE("any other failure ends a chain and the message omits the tool's output") {
    fake_tools tools;
    std::string long_text = "AADSTS50076 " + tool_token;
    while (long_text.size() < 5000) long_text += "\xC3\xA4";
    for (const char* tool : {"az", "azd", "pwsh"}) tools.fails(tool, 3, long_text);
    for (const credential_ptr& c : {tools.az(), tools.azd(), tools.pwsh()}) {
        const error e = refusal_of(c);
        CHECK(e.code() == errc::authentication_failed);
        CHECK(contains(e.what(), "exit code 3"));
        CHECK_FALSE(contains(e.what(), "AADSTS"));
        const bool no_secret = !contains(e.what(), tool_token);
        CHECK(no_secret);
        const bool begins = e.server_message() == long_text.substr(0, e.server_message().size());
        CHECK(begins);
        CHECK(e.server_message().size() <= 4096);
        CHECK(e.server_message().size() >= 4094);
        const bool whole = e.server_message().ends_with("\xA4");
        CHECK(whole);
    }
    tools.add("az", "kill -KILL $$");
    CHECK(contains(refusal_of(tools.az()).what(), "exit code 137"));
}

TEST_CASE("malformed output of a tool is rejected") {
    const std::string soon = R"("expires_on": 1767322800)";
    for (const std::string& answer :
         {std::string(), std::string("logged in"), std::string("[]"), "{" + soon + "}",
          R"({"accessToken": "", )" + soon + "}", R"({"accessToken": 7, )" + soon + "}",
          R"({"accessToken": "a b", )" + soon + "}", R"({"accessToken": ")" + tool_token + R"("})",
          az_answer(R"("expires_on": "never")"), az_answer(R"("expiresOn": "2026-13-01 00:00:00")"),
          az_answer(R"("expires_on": -1)"), az_answer(R"("expires_on": 1e300)"),
          az_answer(R"("expires_on": null)"), az_answer(soon) + "x"}) {
        fake_tools tools;
        tools.answers("az", answer);
        const error e = refusal_of(tools.az());
        CHECK(e.code() == errc::bad_response);
        const bool no_secret = !contains(e.what(), tool_token) && !contains(e.server_message(), tool_token);
        CHECK(no_secret);
    }
    fake_tools tools;
    tools.add("az", "cat /dev/zero");
    CHECK(refusal_of(tools.az()).code() == errc::bad_response);
}

TEST_CASE("a tool that takes too long is killed with all its children and ends a chain") {
    fake_tools tools;
    const test::started_pipe started(tools);
    tools.add("az", test::hanging_script);
    tools.env.process_timeout = 1s;
    const error e = refusal_of(tools.az());
    CHECK(e.code() == errc::timed_out);
    CHECK(e.what() == std::string("the Azure CLI returned no token within 1000 ms"));
    CHECK(test::ends(started.number()));
    CHECK_FALSE(test::has_children());
}

TEST_CASE("cancelling a call kills the tool with all its children") {
    fake_tools tools;
    const test::started_pipe started(tools);
    tools.add("az", test::hanging_script);
    const credential_ptr az = tools.az();
    asio::io_context context;
    asio::cancellation_signal stop;
    std::exception_ptr failure;
    const auto on_done = [&](std::exception_ptr e, std::optional<access_token>) { failure = e; };
    asio::co_spawn(context, ask(az, token_request(scope)),
                   asio::bind_cancellation_slot(stop.slot(), on_done));
    const pid_t grandchild = started.await(context);
    stop.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run();
    REQUIRE(failure);
    boost::system::error_code code;
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        code = e.code();
    }
    CHECK(code == asio::error::operation_aborted);
    CHECK(test::ends(grandchild));
    CHECK_FALSE(test::has_children());
}

TEST_CASE("what could be an option or a command is rejected before anything runs") {
    fake_tools tools;
    tools.answers("az", az_answer(R"("expires_on": 1767322800)"));
    tools.answers("azd", azd_answer(seconds_2026));
    tools.answers("pwsh", pwsh_answer(seconds_2026));
    const auto refused = [](auto f) { return test::failure_of(f).code() == errc::invalid_argument; };
    for (const char* text : {"-x", "--debug", "a b", "a;b", "a|b", "$(id)", "`id`", "a\nb", "a'b", "a\"b",
                             "a&b", "../t", "a/b", "\xC3\xA4", "%41"}) {
        CAPTURE(text);
        CHECK(refused([&] { tools.az(text); }));
        CHECK(refused([&] { tools.azd(text); }));
        CHECK(refused([&] { tools.pwsh(text); }));
        CHECK(refused([&] { token_of(tools.az(), token_request(scope).tenant(text)); }));
    }
    for (const char* text :
         {"-x", "--debug", "a;b", "$(id)", "`id`", "a\nb", "a'b", "a\"b", "a/b", "\xC3\xA4"}) {
        CAPTURE(text);
        CHECK(refused([&] { tools.az({}, text); }));
    }
    for (const char* text :
         {"-x", "--debug", "https://a b", "https://a;b", "https://a/'", "https://a/$(id)", ""}) {
        CAPTURE(text);
        CHECK(refused([&] { token_of(tools.az(), token_request(text)); }));
    }
    CHECK(refused([&] { token_of(tools.az(), token_request("/.default")); }));
    CHECK_FALSE(tools.has("arguments"));
}

TEST_CASE("a tool with a tenant of its own is asked for the allowed ones") {
    fake_tools tools;
    tools.answers("az", az_answer(R"("expires_on": 1767322800)"));
    const auto asked_for = [&](const credential_ptr& c, const std::string& t) {
        token_of(c, token_request(scope).tenant(t));
        return tools.text("arguments").substr(az_arguments.size());
    };
    const error e = refusal_of(tools.az(tenant), token_request(scope).tenant(other_tenant));
    CHECK(e.code() == errc::authentication_failed);
    CHECK_FALSE(tools.has("arguments"));
    tools.settings.allowed_tenants = {other_tenant};
    CHECK(asked_for(tools.az(tenant), other_tenant) == "<--tenant>\n<" + other_tenant + ">\n");
    CHECK(asked_for(tools.az(), "contoso.com") == "<--tenant>\n<contoso.com>\n");
    tools.settings.own_tenant_only = true;
    CHECK(asked_for(tools.az(tenant), other_tenant) == "<--tenant>\n<" + tenant + ">\n");
    CHECK(asked_for(tools.az(), other_tenant) == "");
}

TEST_CASE("claims that a tool does not support") {
    fake_tools tools;
    tools.answers("az", az_answer(R"("expires_on": 1767322800)"));
    tools.answers("pwsh", pwsh_answer(seconds_2026));
    const token_request r = token_request(scope).claims(R"({"access_token":{"nbf":{"value":"17"}}})");
    for (const credential_ptr& c : {tools.az(), tools.pwsh()}) {
        const error e = refusal_of(c, r);
        CHECK(e.code() == errc::authentication_failed);
        CHECK(contains(e.what(), "sign in again"));
        CHECK_FALSE(contains(e.what(), "nbf"));
    }
    CHECK(contains(refusal_of(tools.az(), r).what(), "az login --claims-challenge"));
    CHECK_FALSE(tools.has("arguments"));
}

TEST_CASE("one credential used concurrently by several threads") {
    fake_tools tools;
    tools.add("az", "cat <<'END'\n" + az_answer(R"("expires_on": 1767322800)") + "\nEND");
    const credential_ptr az = tools.az();
    asio::io_context context;
    std::vector<std::future<std::optional<access_token>>> tokens;
    for (int i = 0; i < 20; ++i)
        tokens.push_back(asio::co_spawn(context, ask(az, token_request(scope)), asio::use_future));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
    for (std::thread& t : threads) t.join();
    for (auto& t : tokens) {
        const bool right = is_tool_token(t.get().value());
        CHECK(right);
    }
    CHECK_FALSE(test::has_children());
}
