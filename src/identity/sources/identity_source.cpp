#include "identity/sources/identity_source.hpp"

#include "protocol/endpoint.hpp"

#include <azkv/error.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace azkv::identity {

using kind = identity_source::kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr const char* metadata_path = "/metadata/identity/oauth2/token";

[[noreturn]] void refuse(const char* variable, const char* why) {
    throw error(errc::invalid_argument, std::string("the variable ") + variable + ' ' + why);
}

// Returns true for an address of this machine, its own link or a private network
// (https://www.rfc-editor.org/rfc/rfc6890): without TLS, secrets and tokens must not leave these. A name may
// resolve to any address.
bool is_local_network(const protocol::endpoint& e) {
    if (protocol::is_loopback(e)) return true;
    boost::system::error_code ec;
    const asio::ip::address address = asio::ip::make_address(e.at.host, ec);
    if (ec) return false;
    if (address.is_v6()) {
        const asio::ip::address_v6 v6 = address.to_v6();
        const bool unique_local = (v6.to_bytes()[0] & 0xFE) == 0xFC; // fc00::/7
        if (!v6.is_v4_mapped()) return v6.is_link_local() || unique_local;
    }
    const asio::ip::address_v4 v4 =
        address.is_v4() ? address.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    const auto in = [n = v4.to_uint()](std::uint32_t network, int bits) {
        return n >> (32 - bits) == network >> (32 - bits);
    };
    return in(0x7F000000, 8)      // 127.0.0.0/8
           || in(0xA9FE0000, 16)  // 169.254.0.0/16
           || in(0x0A000000, 8)   // 10.0.0.0/8
           || in(0xAC100000, 12)  // 172.16.0.0/12
           || in(0xC0A80000, 16); // 192.168.0.0/16
}

protocol::endpoint checked_endpoint(const char* variable, const std::string& url) {
    protocol::endpoint e;
    try {
        e = protocol::parse_endpoint(url);
    } catch (const error&) {
        refuse(variable,
               "must be an http or https URL without user, query or fragment, and with a valid port");
    }
    if (!e.at.tls && !is_local_network(e))
        refuse(variable, "must be an https URL, or have an address of this machine, its link or a private "
                         "network");
    return e;
}

std::string checked_url(const char* variable, std::string url) {
    checked_endpoint(variable, url);
    return url; // unchanged: a trailing slash counts
}

secret checked_header(const char* variable, secret s) {
    const auto is_printable = [](char c) { return c >= 0x20 && c < 0x7F; };
    if (!std::ranges::all_of(s.reveal(), is_printable))
        refuse(variable, "has a character that a header cannot hold");
    return s;
}

std::string checked_thumbprint(const char* variable, std::string text) {
    const auto is_hex = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    if (text.size() != 40 || !std::ranges::all_of(text, is_hex))
        refuse(variable, "must be a SHA-1 thumbprint: 40 hexadecimal digits");
    return text;
}

identity_source service_fabric(std::string endpoint, secret header, std::string thumbprint) {
    identity_source s;
    s.what = kind::service_fabric;
    s.name = "Service Fabric";
    // The thumbprint is that of a certificate, which needs TLS.
    if (!checked_endpoint("IDENTITY_ENDPOINT", endpoint).at.tls)
        refuse("IDENTITY_ENDPOINT", "must be an https URL");
    s.url = std::move(endpoint);
    s.version = "2019-07-01-preview";
    s.thumbprint = checked_thumbprint("IDENTITY_SERVER_THUMBPRINT", std::move(thumbprint));
    s.headers.emplace_back("secret", checked_header("IDENTITY_HEADER", std::move(header)));
    return s;
}

identity_source app_service(std::string endpoint, secret header) {
    identity_source s;
    s.what = kind::app_service;
    s.name = "App Service";
    s.url = checked_url("IDENTITY_ENDPOINT", std::move(endpoint));
    s.version = "2019-08-01";
    s.headers.emplace_back("X-IDENTITY-HEADER", checked_header("IDENTITY_HEADER", std::move(header)));
    return s;
}

identity_source azure_arc(std::string url) {
    identity_source s;
    s.what = kind::azure_arc;
    s.name = "Azure Arc";
    s.url = std::move(url);
    s.version = "2019-11-01";
    s.headers.emplace_back("Metadata", secret("true"));
    return s;
}

identity_source azure_ml(std::string endpoint, secret header) {
    identity_source s;
    s.what = kind::azure_ml;
    s.name = "Azure ML";
    s.url = checked_url("MSI_ENDPOINT", std::move(endpoint));
    s.version = "2017-09-01";
    s.headers.emplace_back("secret", checked_header("MSI_SECRET", std::move(header)));
    return s;
}

identity_source cloud_shell(std::string endpoint) {
    identity_source s;
    s.what = kind::cloud_shell;
    s.name = "Cloud Shell";
    s.url = checked_url("MSI_ENDPOINT", std::move(endpoint));
    s.headers.emplace_back("Metadata", secret("true"));
    return s;
}

identity_source virtual_machine(const std::optional<std::string>& host) {
    constexpr const char* variable = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    identity_source s;
    s.what = kind::virtual_machine;
    s.name = "the metadata service";
    s.url = host ? checked_endpoint(variable, *host).url() : "http://169.254.169.254";
    s.url += metadata_path;
    s.version = "2018-02-01";
    s.headers.emplace_back("Metadata", secret("true"));
    s.policy = metadata_retries();
    s.announced = false;
    return s;
}

bool is_installed(const std::string& program) {
    std::error_code ignored;
    return std::filesystem::exists(program, ignored);
}

identity_source select_source(const credential_environment& env) {
    auto endpoint = env.variable("IDENTITY_ENDPOINT");
    secret header = env.secret_variable("IDENTITY_HEADER");
    if (endpoint && !header.empty()) {
        auto thumbprint = env.variable("IDENTITY_SERVER_THUMBPRINT");
        if (thumbprint)
            return service_fabric(*std::move(endpoint), std::move(header), *std::move(thumbprint));
        return app_service(*std::move(endpoint), std::move(header));
    }
    if (endpoint && env.variable("IMDS_ENDPOINT"))
        return azure_arc(checked_url("IDENTITY_ENDPOINT", *std::move(endpoint)));
    endpoint = env.variable("MSI_ENDPOINT");
    header = env.secret_variable("MSI_SECRET");
    if (endpoint && !header.empty()) return azure_ml(*std::move(endpoint), std::move(header));
    if (endpoint) return cloud_shell(*std::move(endpoint));
    if (is_installed(env.arc_agent)) {
        identity_source s = azure_arc(std::string("http://127.0.0.1:40342") + metadata_path);
        s.announced = false;
        return s;
    }
    return virtual_machine(env.variable("AZURE_POD_IDENTITY_AUTHORITY_HOST"));
}

const char* describe(managed_identity_id::kind k) {
    switch (k) {
    case managed_identity_id::kind::client: return "client id";
    case managed_identity_id::kind::object: return "object id";
    case managed_identity_id::kind::resource: return "resource id";
    case managed_identity_id::kind::system: break;
    }
    return "";
}

// Returns the parameter that selects an identity; null if the source cannot select one that way.
const char* parameter(kind source, managed_identity_id::kind id) {
    using id_kind = managed_identity_id::kind;
    switch (source) {
    case kind::app_service:
        return id == id_kind::client ? "client_id" : id == id_kind::object ? "object_id" : "mi_res_id";
    case kind::virtual_machine:
        return id == id_kind::client ? "client_id" : id == id_kind::object ? "object_id" : "msi_res_id";
    case kind::azure_ml: return id == id_kind::client ? "clientid" : nullptr;
    case kind::service_fabric: // the manifest selects the identity
    case kind::azure_arc:
    case kind::cloud_shell: break;
    }
    return nullptr;
}

// Throws for an identity that cannot be selected: the token would be that of another one.
void select_identity(identity_source& s, const managed_identity_id& id) {
    if (id.type() == managed_identity_id::kind::system) return;
    const char* const name = parameter(s.what, id.type());
    if (!name)
        throw error(errc::invalid_argument,
                    std::string(s.name)
                        + (s.what == kind::azure_ml ? " selects identities by client id, not by "
                                                    : " has one identity, which cannot be selected by ")
                        + describe(id.type()));
    s.identity = {name, id.id()};
}

std::optional<protocol::retry> metadata_rule(const protocol::response& r, const protocol::retry_policy& p) {
    if (r.status == 410) return protocol::retry(seconds(6), "the metadata service is being upgraded");
    const bool transient = r.status == 404 || r.status == 429 || (r.status >= 500 && r.status < 600);
    return transient ? std::optional(protocol::retry(p.first, "the metadata service failed")) : std::nullopt;
}

} // namespace

web_request identity_source::request(const std::string& resource) const {
    std::string parameters;
    if (!version.empty()) append_parameter(parameters, "api-version", version);
    append_parameter(parameters, "resource", resource);
    if (!identity.first.empty()) append_parameter(parameters, identity.first, identity.second);
    const bool post = what == kind::cloud_shell;
    web_request r(post ? "POST" : "GET", post ? url : url + '?' + parameters);
    r.thumbprint = thumbprint;
    r.headers = headers;
    if (post) r.form = secret(std::move(parameters));
    return r;
}

identity_source find_identity_source(const credential_environment& env, const managed_identity_id& id) {
    identity_source s = select_source(env);
    select_identity(s, id);
    if (s.what == kind::azure_ml && s.identity.first.empty())
        if (const auto usual = env.variable("DEFAULT_IDENTITY_CLIENT_ID")) s.identity = {"clientid", *usual};
    return s;
}

// An upgrade takes up to 70 s: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/
// how-to-use-vm-token. The pauses of 6, 12, 24, 48 and 50 s sum to at least 70 s even if jitter halves each.
// With a deadline of 120 s that cuts the longest pause, the last attempt is still later than 70 s.
protocol::retry_policy metadata_retries() {
    protocol::retry_policy p;
    p.max_attempts = 6;
    p.first = milliseconds(800);
    p.longest = seconds(50);
    p.judge = &metadata_rule;
    return p;
}

} // namespace azkv::identity
