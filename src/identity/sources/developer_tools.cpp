#include "identity/sources/developer_tools.hpp"

#include "codec/utf.hpp"
#include "identity/sources/run_process.hpp"
#include "identity/tokens/token_response.hpp"
#include "support/ascii.hpp"
#include "support/base64.hpp"
#include "support/wiping_memory.hpp"

#include <azkv/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/json/parser.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::identity {

namespace json = boost::json;

namespace {

constexpr std::size_t max_message = 4096; // of the text in diagnostics
constexpr int not_found = 127;            // the exit code of shells if there is no such program

/// The names of a tool, and the form of its output.
class tool_traits {
public:
    const char* name;                // "the Azure CLI"
    const char* program;             // "az"
    const char* log_in;              // "az login"
    const char* says_not_logged_in;  // part of its message if no user is signed in
    const char* claims;              // how to sign in with claims; nullptr: it accepts them for a token
    const char* token;               // the member that holds the token
    std::vector<const char*> expiry; // members that may hold the expiry; the first valid one counts
};

// Reads a time without an offset, which is in the time zone of this machine.
std::optional<wall_time> parse_local_time(std::string_view text) {
    const auto as_utc = parse_expiry(std::string(text) + 'Z');
    if (!as_utc) return std::nullopt;
    const std::time_t seconds = std::chrono::system_clock::to_time_t(*as_utc);
    std::tm t{};
    if (!gmtime_r(&seconds, &t)) return std::nullopt;
    t.tm_isdst = -1; // let mktime decide
    const std::time_t local = std::mktime(&t);
    if (local == std::time_t(-1)) return std::nullopt;
    return std::chrono::system_clock::from_time_t(local);
}

std::optional<wall_time> expiry_of(const json::value& v) {
    if (v.is_number()) {
        boost::system::error_code ec;
        const auto n = v.to_number<std::int64_t>(ec);
        return ec ? std::nullopt : parse_expiry(std::to_string(n));
    }
    if (!v.is_string()) return std::nullopt;
    const std::string_view text = v.get_string();
    const auto at = parse_expiry(text);
    return at ? at : parse_local_time(text);
}

std::string_view text_at(const json::object& o, std::string_view name) {
    const json::value* const v = o.if_contains(name);
    return v && v->is_string() ? std::string_view(v->get_string()) : std::string_view();
}

// Returns the beginning of a tool's output, without a partial character at its end.
std::string message_of(std::string_view said) {
    return std::string(codec::prefix_within(said, max_message));
}

/// Runs a tool and reads its output; the derived classes know its arguments.
class developer_tool : public token_credential {
public:
    asio::awaitable<access_token> token(token_request request) final {
        const std::string tenant = tenant_for(request);
        command c = prepare(request, tenant);
        process_result r;
        boost::system::error_code why;
        try {
            r = co_await run_process(std::move(c));
        } catch (const boost::system::system_error& e) {
            if (e.code() == asio::error::operation_aborted) throw;
            why = e.code();
        }
        if (why) not_started(why);
        co_return read(r, tenant);
    }

protected:
    developer_tool(tool_traits traits, credential_environment env, entra_settings settings,
                   std::string tenant)
        : traits_(traits), env_(std::move(env)), settings_(std::move(settings)), tenant_(std::move(tenant)) {
        token_request("any").tenant(tenant_); // checks it
    }

    /// Sets the arguments and the variables.
    virtual void ask(command& c, const token_request& request, const std::string& tenant) const = 0;

    /// Returns the part of the output that is the answer.
    virtual std::string_view answer_in(std::string_view output) const { return output; }

    /// Throws if the answer is not for the requested tenant.
    virtual void check(const json::object&, const std::string&) const {}

    [[noreturn]] void fail(boost::system::error_code code, const std::string& what,
                           std::string_view said = {}) const {
        diagnostics details;
        details.server_message = message_of(said);
        throw error(code, std::string(traits_.name) + ' ' + what, std::move(details));
    }

private:
    std::string tenant_for(const token_request& request) const {
        // Without a tenant of its own, the tool may be asked for any.
        if (tenant_.empty() && !settings_.own_tenant_only) return request.tenant();
        return choose_tenant(tenant_, request, settings_);
    }

    command prepare(const token_request& request, const std::string& tenant) const {
        if (!request.claims().empty() && traits_.claims)
            fail(errc::authentication_failed,
                 "cannot request a token with the claims that the service requires: sign in again with `"
                     + std::string(traits_.claims) + '`');
        if (request.resource().empty())
            throw error(errc::invalid_argument, "invalid scope: it names no resource");
        const auto program = find_program(traits_.program, env_.variable("PATH").value_or(""));
        if (!program) unavailable("is not installed");
        command c(*program, {});
        c.working_directory = env_.working_directory;
        c.time_limit = env_.process_timeout;
        c.variables.emplace_back("NO_COLOR", "1");
        ask(c, request, tenant);
        return c;
    }

    access_token read(const process_result& r, const std::string& tenant) const {
        const std::string_view said = r.errors.reveal();
        if (r.how == process_result::ending::timed_out)
            fail(errc::timed_out,
                 "returned no token within " + std::to_string(env_.process_timeout.count()) + " ms", said);
        if (r.how == process_result::ending::too_much_output)
            fail(errc::bad_response, "wrote too much output", said);
        // The exit code is not always known; then the output decides.
        const int code = r.exit_code.value_or(0);
        if (code == not_found) unavailable("is not installed", said);
        if (code != 0 && ascii::find_ignoring_case(said, traits_.says_not_logged_in) != said.npos)
            unavailable("has no user signed in, or the sign-in has expired: run `"
                            + std::string(traits_.log_in) + '`',
                        said);
        if (code != 0)
            fail(errc::authentication_failed, "returned no token (exit code " + std::to_string(code) + ')',
                 said);
        return parse(answer_in(r.output.reveal()), tenant, said);
    }

    access_token parse(std::string_view text, const std::string& tenant, std::string_view said) const {
        support::wiping_memory memory;
        json::parser parser(&memory);
        parser.reset(&memory);
        boost::system::error_code ec;
        parser.write(text.data(), text.size(), ec);
        const json::value answer = ec ? json::value() : parser.release();
        if (!answer.is_object()) malformed("it is not a JSON object", said);
        const json::object& o = answer.get_object();
        const std::string_view token = text_at(o, traits_.token);
        if (token.empty()) malformed("it has no token", said);
        check(o, tenant);
        for (const char* const name : traits_.expiry) {
            const json::value* const v = o.if_contains(name);
            const auto at = v ? expiry_of(*v) : std::nullopt;
            if (at) return make_token(token, *at, said);
        }
        malformed("it does not say when the token expires", said);
    }

    access_token make_token(std::string_view token, wall_time expiry, std::string_view said) const {
        try {
            return access_token(secret(token), expiry);
        } catch (const error&) {
            malformed("its token has a character that is not visible ASCII", said);
        }
    }

    [[noreturn]] void not_started(boost::system::error_code why) const {
        namespace reason = boost::system::errc;
        // Any other reason is a shortage of resources, which may pass.
        const bool never = why == reason::no_such_file_or_directory || why == reason::permission_denied
                           || why == reason::not_a_directory || why == reason::executable_format_error
                           || why == reason::operation_not_permitted
                           || why == reason::function_not_supported; // under a seccomp filter, for instance
        fail(never ? make_error_code(errc::credential_unavailable) : why,
             "cannot be started (" + why.message() + ')');
    }

    [[noreturn]] void malformed(const char* why, std::string_view said) const {
        fail(errc::bad_response, std::string("returned malformed output: ") + why, said);
    }

    [[noreturn]] void unavailable(const std::string& what, std::string_view said = {}) const {
        fail(errc::credential_unavailable, what, said);
    }

    const tool_traits traits_;
    const credential_environment env_;
    const entra_settings settings_;
    const std::string tenant_;
};

class azure_cli final : public developer_tool {
public:
    azure_cli(credential_environment env, entra_settings settings, std::string tenant,
              std::string subscription)
        : developer_tool({"the Azure CLI",
                          "az",
                          "az login",
                          "az login",
                          "az login --claims-challenge ...",
                          "accessToken",
                          {"expires_on", "expiresOn"}},
                         std::move(env), std::move(settings), std::move(tenant)),
          subscription_(std::move(subscription)) {
        const auto allowed = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                   || std::string_view("-._ ").find(c) != std::string_view::npos;
        };
        if (!std::ranges::all_of(subscription_, allowed) || subscription_.starts_with('-'))
            throw error(errc::invalid_argument, "invalid subscription: only letters, digits, blanks and -._ "
                                                "are allowed, and no - at its beginning");
    }

private:
    void ask(command& c, const token_request& request, const std::string& tenant) const override {
        c.arguments = {"account", "get-access-token", "--output", "json", "--resource", request.resource()};
        if (!subscription_.empty())
            c.arguments.insert(c.arguments.end(), {"--subscription", subscription_});
        else if (!tenant.empty())
            c.arguments.insert(c.arguments.end(), {"--tenant", tenant});
        c.variables.emplace_back("AZURE_CORE_NO_COLOR", "true");
    }

    void check(const json::object& answer, const std::string& tenant) const override {
        // The tool reports a tenant by its identifier, never by its domain.
        const bool comparable = tenant.size() == 36 && std::ranges::count(tenant, '-') == 4;
        if (subscription_.empty() || !comparable) return;
        const std::string_view got = text_at(answer, "tenant");
        if (!got.empty() && !ascii::is_equal(got, tenant))
            fail(errc::authentication_failed,
                 "returned a token for the subscription's tenant, which is not " + tenant);
    }

    std::string subscription_;
};

class azure_developer_cli final : public developer_tool {
public:
    azure_developer_cli(credential_environment env, entra_settings settings, std::string tenant)
        : developer_tool({"the Azure Developer CLI",
                          "azd",
                          "azd auth login",
                          "azd auth login",
                          nullptr,
                          "token",
                          {"expiresOn"}},
                         std::move(env), std::move(settings), std::move(tenant)) {}

private:
    void ask(command& c, const token_request& request, const std::string& tenant) const override {
        c.arguments = {"auth", "token", "--output", "json", "--no-prompt", "--scope", request.scope()};
        if (!tenant.empty()) c.arguments.insert(c.arguments.end(), {"--tenant-id", tenant});
        if (!request.claims().empty())
            c.arguments.insert(c.arguments.end(), {"--claims", support::encode_base64(request.claims())});
    }
};

// The request is passed in variables, never in the script. The script writes the message of an exception to
// the error stream as plain text, in one line.
constexpr const char* powershell_script = R"($ErrorActionPreference = 'Stop'
$WarningPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
try { Import-Module Az.Accounts -MinimumVersion 2.2.0 } catch { exit 127 }
try {
    $ask = @{ ResourceUrl = $env:AZKV_RESOURCE }
    if ($env:AZKV_TENANT) { $ask.TenantId = $env:AZKV_TENANT }
    if ((Get-Command Get-AzAccessToken).Parameters.ContainsKey('AsSecureString')) { $ask.AsSecureString = $true }
    $answer = Get-AzAccessToken @ask
    $token = $answer.Token
    if ($token -is [securestring]) { $token = [System.Net.NetworkCredential]::new('', $token).Password }
    @{ Token = $token; ExpiresOn = $answer.ExpiresOn.ToUnixTimeSeconds() } | ConvertTo-Json -Compress
} catch {
    [Console]::Error.WriteLine($_.Exception.Message)
    exit 1
})";

class azure_powershell final : public developer_tool {
public:
    azure_powershell(credential_environment env, entra_settings settings, std::string tenant)
        : developer_tool({"Azure PowerShell",
                          "pwsh",
                          "Connect-AzAccount",
                          "Connect-AzAccount",
                          "Connect-AzAccount -ClaimsChallenge ...",
                          "Token",
                          {"ExpiresOn"}},
                         std::move(env), std::move(settings), std::move(tenant)) {}

private:
    void ask(command& c, const token_request& request, const std::string& tenant) const override {
        c.arguments = {"-NoProfile", "-NonInteractive", "-Command", powershell_script};
        c.variables.emplace_back("AZKV_RESOURCE", request.resource());
        c.variables.emplace_back("AZKV_TENANT", tenant);
    }

    // Modules may print text of their own before the answer, which is the last line.
    std::string_view answer_in(std::string_view output) const override {
        while (!output.empty() && (output.back() == '\n' || output.back() == '\r')) output.remove_suffix(1);
        return output.substr(output.rfind('\n') + 1);
    }
};

} // namespace

std::shared_ptr<token_credential> make_azure_cli_credential(credential_environment env,
                                                            entra_settings settings, std::string tenant,
                                                            std::string subscription) {
    return std::make_shared<azure_cli>(std::move(env), std::move(settings), std::move(tenant),
                                       std::move(subscription));
}

std::shared_ptr<token_credential>
make_azure_developer_cli_credential(credential_environment env, entra_settings settings, std::string tenant) {
    return std::make_shared<azure_developer_cli>(std::move(env), std::move(settings), std::move(tenant));
}

std::shared_ptr<token_credential>
make_azure_powershell_credential(credential_environment env, entra_settings settings, std::string tenant) {
    return std::make_shared<azure_powershell>(std::move(env), std::move(settings), std::move(tenant));
}

} // namespace azkv::identity
