#include "protocol/endpoint.hpp"

#include "support/ascii.hpp"
#include "support/whole_number.hpp"

#include <azkv/error.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <array>

namespace azkv::protocol {

namespace urls = boost::urls;

namespace {

[[noreturn]] void refuse_endpoint(const std::string& why) {
    throw error(errc::invalid_argument,
                "invalid endpoint: " + why); // without the URL, which may contain a SAS
}

} // namespace

bool is_port(std::string_view text) {
    return support::whole_number<unsigned>(text, 1, 65'535).has_value();
}

endpoint parse_endpoint(std::string_view text) {
    const auto parsed = urls::parse_uri(text);
    if (!parsed) refuse_endpoint("not a URL");
    const urls::url_view url = *parsed;
    // Boost 1.81 reads the host `127.0.0.1.example.com` as an address followed by a path.
    if (!url.encoded_path().empty() && !url.encoded_path().starts_with('/'))
        refuse_endpoint("the host is not valid");
    endpoint e;
    if (url.scheme_id() == urls::scheme::https)
        e.at.tls = true;
    else if (url.scheme_id() != urls::scheme::http)
        refuse_endpoint("the URL must begin with https:// or http://");
    if (url.encoded_host().empty()) refuse_endpoint("the URL has no host");
    // An encoded zero would end the name for code that treats it as a C string: another host.
    if (url.encoded_host().find('%') != std::string_view::npos)
        refuse_endpoint("the host must not contain %");
    if (url.has_userinfo()) refuse_endpoint("the URL must not contain a user name or a password");
    if (url.has_query() || url.has_fragment())
        refuse_endpoint("the URL must not contain a query; pass a shared access signature as a credential");
    if (url.has_port() && !url.port().empty() && !is_port(std::string_view(url.port())))
        refuse_endpoint("the port must be between 1 and 65535");
    e.at.host = ascii::to_lower(url.host_address());
    e.at.port = url.has_port() && !url.port().empty() ? std::string(url.port()) : e.at.tls ? "443" : "80";
    e.host_header = std::string(url.encoded_host());
    if (url.has_port() && !url.port().empty() && e.at.port != (e.at.tls ? "443" : "80"))
        e.host_header += ':' + e.at.port;
    e.base_path = std::string(url.encoded_path());
    if (e.base_path.ends_with('/')) e.base_path.pop_back();
    return e;
}

bool is_localhost(std::string_view host) {
    constexpr std::string_view name = "localhost";
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() < name.size()) return false;
    const std::string_view rest = host.substr(0, host.size() - name.size());
    return (rest.empty() || rest.ends_with('.')) && ascii::is_equal(host.substr(rest.size()), name);
}

namespace {

// Returns whether the host is that of a service (`table`, `blob` ..) of an account in Azure:
// `acct.table.core.windows.net`, `acct.z13.table.storage.azure.net`, `acct.table.cosmos.azure.com`.
bool is_azure(const endpoint& e, std::string_view service) {
    const std::string middle = '.' + std::string(service) + '.';
    return std::ranges::any_of(
        std::array{"core.", "storage.azure.", "cosmos.", "cosmosdb."},
        [&](const char* domain) { return e.at.host.find(middle + domain) != e.at.host.npos; });
}

// Returns the table that a signature is limited to; empty if it is not limited to one.
std::string_view table_of(std::string_view sas) {
    constexpr std::string_view name = "tn=";
    if (sas.starts_with('?')) sas.remove_prefix(1);
    while (!sas.empty()) {
        const std::string_view parameter = sas.substr(0, sas.find('&'));
        if (parameter.starts_with(name)) return parameter.substr(name.size());
        sas.remove_prefix(std::min(parameter.size() + 1, sas.size()));
    }
    return {};
}

} // namespace

endpoint parse_table_endpoint(std::string_view url, std::string_view sas) {
    endpoint e = parse_endpoint(url);
    for (const char* other : {"blob", "queue", "file", "dfs", "web"})
        if (is_azure(e, other))
            refuse_endpoint(std::string("the host belongs to another service, \"") + other
                            + "\"; use the host with \".table.\" in its name");
    if (e.at.host.ends_with(".documents.azure.com"))
        refuse_endpoint(
            "the host belongs to the SQL API of Cosmos DB; use the host with \".table.\" in its name");
    // On other hosts a path is the account, or belongs to a gateway.
    const std::string_view path = e.base_path;
    const std::string_view table = table_of(sas);
    const auto last = path.rfind('/');
    const bool of_signature =
        !table.empty() && last != path.npos && last > 0 && ascii::is_equal(path.substr(last + 1), table);
    if (of_signature || (is_azure(e, "table") && !path.empty()))
        refuse_endpoint("it has a table in its path; pass the table as the collection of an operation");
    return e;
}

std::string_view account_of(const endpoint& e) {
    return is_azure(e, "table") ? std::string_view(e.at.host).substr(0, e.at.host.find('.'))
                                : std::string_view();
}

bool is_loopback(const endpoint& e) {
    const std::string& host = e.at.host;
    if (is_localhost(host)) return true;
    if (const auto v4 = urls::parse_ipv4_address(host)) return v4->is_loopback();
    if (const auto v6 = urls::parse_ipv6_address(host)) return v6->is_loopback();
    return false;
}

endpoint secondary_of(const endpoint& primary) {
    constexpr std::string_view suffix = "-secondary";
    endpoint e = primary;
    if (!e.base_path.empty()) { // the account is its first segment
        e.base_path.insert(std::min(e.base_path.find('/', 1), e.base_path.size()), suffix);
        return e;
    }
    const auto label = e.at.host.find('.');
    const bool is_name = label != e.at.host.npos && !urls::parse_ipv4_address(e.at.host)
                         && !urls::parse_ipv6_address(e.at.host);
    if (!is_name) refuse_endpoint("it contains no account, so the secondary endpoint is unknown");
    e.at.host.insert(label, suffix);
    e.host_header.insert(label, suffix);
    return e;
}

bool is_host_label(std::string_view account) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !account.empty() && std::ranges::all_of(account, allowed);
}

bool is_host_suffix(std::string_view text) {
    const std::string_view host = text.substr(0, text.find(':'));
    if (host.size() < text.size() && !is_port(text.substr(host.size() + 1))) return false;
    for (std::string_view rest = host;;) {
        const std::string_view label = rest.substr(0, rest.find('.'));
        if (!is_host_label(label)) return false;
        if (label.size() == rest.size()) return true;
        rest.remove_prefix(label.size() + 1);
    }
}

service_mode deduce_mode(const endpoint& e) {
    const bool cosmos = e.at.host.find(".table.cosmos.") != e.at.host.npos
                        || e.at.host.find(".table.cosmosdb.") != e.at.host.npos;
    // Emulators of Table Storage have the account in the path or below `localhost`; those of Cosmos DB do
    // not.
    const bool account_in_name = is_localhost(e.at.host) && e.at.host.find('.') < e.at.host.size() - 1;
    const bool cosmos_emulator = is_loopback(e) && e.base_path.empty() && !account_in_name;
    return cosmos || cosmos_emulator ? service_mode::cosmos : service_mode::storage;
}

} // namespace azkv::protocol
