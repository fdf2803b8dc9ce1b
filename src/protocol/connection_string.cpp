#include "protocol/connection_string.hpp"

#include "protocol/endpoint.hpp"
#include "support/ascii.hpp"

#include <azkv/error.hpp>

#include <boost/url/grammar/alpha_chars.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

namespace azkv::protocol {

namespace {

[[noreturn]] void refuse(const std::string& why) {
    throw error(errc::invalid_connection_string, "invalid connection string: " + why);
}

std::string quoted(std::string_view name) {
    return '"' + std::string(name) + '"';
}

constexpr std::array known_names{
    "DefaultEndpointsProtocol", "AccountName",           "AccountKey",
    "EndpointSuffix",           "TableEndpoint",         "TableSecondaryEndpoint",
    "SharedAccessSignature",    "UseDevelopmentStorage", "DevelopmentStorageProxyUri",
    "AccountEndpoint"};

// Endpoints of the account's other services, and the label of the service in their hosts.
constexpr std::array<std::pair<const char*, const char*>, 5> other_services{{{"BlobEndpoint", "blob"},
                                                                             {"QueueEndpoint", "queue"},
                                                                             {"FileEndpoint", "file"},
                                                                             {"DfsEndpoint", "dfs"},
                                                                             {"WebEndpoint", "web"}}};

constexpr const char* public_cloud = "core.windows.net";

// Returns the name of a setting as the documentation spells it; null if the setting is unknown.
const char* known_name(std::string_view name) {
    const auto found =
        std::ranges::find_if(known_names, [&](const char* known) { return ascii::is_equal(name, known); });
    return found == known_names.end() ? nullptr : *found;
}

bool is_of_other_service(std::string_view name) {
    return std::ranges::any_of(other_services, [&](const auto& s) { return ascii::is_equal(name, s.first); });
}

// The Levenshtein distance, ignoring case.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size()
                                 + 1); // distances between the current prefix of `a` and each prefix of `b`
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t before = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = before + (ascii::is_equal(a.substr(i, 1), b.substr(j, 1)) ? 0 : 1);
            before = row[j + 1];
            row[j + 1] = std::min({changed, before + 1, row[j] + 1});
        }
    }
    return row.back();
}

// Returns the setting that an unknown name is probably a misspelling of; otherwise null. Ignoring a
// misspelled name could select another endpoint than the user has given.
const char* meant_by(std::string_view name) {
    if (is_of_other_service(name) || name.size() > 48) return nullptr;
    const auto found =
        std::ranges::find_if(known_names, [&](const char* known) { return distance(name, known) <= 2; });
    return found == known_names.end() ? nullptr : *found;
}

// Returns whether the text before a `=` can only be a name and not a part of a secret.
bool may_be_shown(std::string_view name) {
    return name.size() <= 48 && std::ranges::all_of(name, [](char c) {
               return c == '_' || boost::urls::grammar::alpha_chars(c);
           });
}

/// The settings `Name=Value;Name=Value;...`
class settings {
public:
    explicit settings(std::string_view text) {
        constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
        if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
        refuse_beginning(ascii::trim(text));
        for (int part = 1; !text.empty(); ++part) {
            const std::string_view pair = text.substr(0, text.find(';'));
            text.remove_prefix(std::min(pair.size() + 1, text.size()));
            add(ascii::trim(pair), part);
        }
        if (all_.empty()) refuse("it is empty");
    }

    bool has(std::string_view name) const { return all_.contains(name); }

    /// Returns the value; empty if there is no such setting.
    std::string_view operator[](std::string_view name) const {
        const auto it = all_.find(name);
        return it == all_.end() ? std::string_view() : it->second;
    }

    /// Returns the unknown names, for messages about a missing setting: one may be its misspelling.
    std::string unknown_names() const {
        std::string names;
        for (const auto& [name, text] : all_) {
            if (known_name(name) || is_of_other_service(name)) continue;
            names.append(names.empty() ? "; unknown: " : ", ")
                .append(may_be_shown(name) ? '"' + std::string(name) + '"' : "a setting");
        }
        return names;
    }

private:
    // Rejects text that was copied from a configuration file along with the string.
    static void refuse_beginning(std::string_view text) {
        if (text.starts_with('"') || text.starts_with('\''))
            refuse("it begins with a quotation mark; remove the quotation marks");
        text = text.substr(0, text.find(';'));
        const auto equals = text.find('=');
        if (equals == text.npos || known_name(ascii::trim(text.substr(0, equals)))) return;
        std::string_view rest = ascii::trim(text.substr(equals + 1));
        if (rest.starts_with('"') || rest.starts_with('\'')) rest.remove_prefix(1);
        const auto next = rest.find('=');
        const char* const first = next == rest.npos ? nullptr : known_name(ascii::trim(rest.substr(0, next)));
        if (!first) return;
        const std::string_view name = ascii::trim(text.substr(0, equals));
        refuse("it begins with " + (may_be_shown(name) ? '"' + std::string(name) + "=\"" : "a name and =")
               + "; remove everything before \"" + first + '"');
    }

    void add(std::string_view pair, int part) {
        if (pair.empty()) return;
        // Account keys end in `=`, so only the first `=` separates. Without one, the text may be a secret.
        const auto equals = pair.find('=');
        const std::string_view name = ascii::trim(pair.substr(0, equals));
        if (equals == pair.npos || name.empty())
            refuse("part " + std::to_string(part) + " is not Name=Value; separate the parts with semicolons");
        const std::string_view text = ascii::trim(pair.substr(equals + 1));
        const char* const known = known_name(name);
        if (!all_.emplace(name, text).second)
            refuse((known || may_be_shown(name) ? quoted(known ? known : name) : std::string("a setting"))
                   + " appears twice");
        if (!known) {
            if (const char* const meant = meant_by(name))
                refuse("unknown setting" + (may_be_shown(name) ? ' ' + quoted(name) : std::string())
                       + "; did you mean " + quoted(meant) + '?');
            return;
        }
        if (text.empty()) refuse(quoted(known) + " is empty");
        // A value that was broken into lines, or a line end in place of a semicolon.
        if (text.find_first_of(" \t\r\n\v\f") != text.npos)
            refuse(quoted(known) + " contains a space or a line end");
    }

    std::map<std::string_view, std::string_view, boost::urls::grammar::ci_less> all_;
};

// Calls `f`. If it throws, adds the setting to the message.
template <class F>
auto for_setting(const char* setting, F f) {
    try {
        return f();
    } catch (const error& e) {
        refuse(quoted(setting) + ": " + e.what());
    }
}

connection_settings development_settings(const settings& all) {
    for (const char* name : known_names)
        if (all.has(name) && name != std::string_view("UseDevelopmentStorage")
            && name != std::string_view("DevelopmentStorageProxyUri"))
            refuse("it has both \"UseDevelopmentStorage\" and " + quoted(name) + "; remove one of them");
    connection_settings s = development_account();
    if (const std::string_view proxy = all["DevelopmentStorageProxyUri"]; !proxy.empty()) {
        const auto url = boost::urls::parse_uri(proxy);
        if (!url || url->encoded_host().empty()) refuse("\"DevelopmentStorageProxyUri\" is not a URL");
        s.endpoint =
            std::string(url->scheme()) + "://" + std::string(url->encoded_host()) + ":10002/" + s.account;
        for_setting("DevelopmentStorageProxyUri", [&] { return parse_table_endpoint(s.endpoint); });
    }
    return s;
}

void check_credentials(const settings& all) {
    const bool key = all.has("AccountKey");
    const bool sas = all.has("SharedAccessSignature");
    if (key && sas) refuse("it has both \"AccountKey\" and \"SharedAccessSignature\"; remove one of them");
    if (!key && !sas)
        refuse("it has neither \"AccountKey\" nor \"SharedAccessSignature\"" + all.unknown_names());
    // The name becomes part of a header.
    if (!std::ranges::all_of(all["AccountName"], [](char c) { return c > ' ' && c < 0x7F && c != ':'; }))
        refuse("\"AccountName\" contains characters that no account name has");
    if (key && !all.has("AccountName"))
        refuse("it has \"AccountKey\" but no \"AccountName\"" + all.unknown_names());
}

// Returns an empty string if the text is not an endpoint.
std::string host_of(std::string_view url) {
    try {
        return parse_endpoint(url).at.host;
    } catch (const error&) {
        return {};
    }
}

// Derives the URL of the account's table service from its name.
std::string endpoint_by_name(const settings& all) {
    const std::string account(all["AccountName"]);
    const std::string_view suffix = all.has("EndpointSuffix") ? all["EndpointSuffix"] : public_cloud;
    // If the other services are not in the public cloud, neither is the table service.
    for (const auto& [name, service] : other_services)
        if (all.has(name) && !all.has("EndpointSuffix")
            && std::string_view(service) != "web" // its hosts contain a zone
            && host_of(all[name]) != ascii::to_lower(account + '.' + service + '.' + public_cloud))
            refuse("it has " + quoted(name) + " but no \"TableEndpoint\"" + all.unknown_names());
    if (account.empty()) refuse("it has neither \"TableEndpoint\" nor \"AccountName\"" + all.unknown_names());
    // At most 24 characters in Table Storage, 44 in Cosmos DB. A key, which must not become part of a host
    // name, has 88. https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    if (!is_host_label(account) || account.size() > 44)
        refuse("\"AccountName\" must be at most 44 letters, digits and hyphens");
    if (!is_host_suffix(suffix))
        refuse("\"EndpointSuffix\" must be the end of a host name, such as core.windows.net");
    if (ascii::to_lower(suffix).starts_with("table."))
        refuse("\"EndpointSuffix\" begins with \"table.\", which azkv adds itself; remove it");
    const std::string_view protocol =
        all.has("DefaultEndpointsProtocol") ? all["DefaultEndpointsProtocol"] : "https";
    return ascii::to_lower(protocol) + "://" + account + ".table." + std::string(suffix);
}

// `acct-secondary`, and a region of a Cosmos DB account: `acct-westus`
bool is_region_of(std::string_view host, std::string_view account) {
    return host.size() > account.size() && host[account.size()] == '-'
           && ascii::is_equal(host.substr(0, account.size()), account);
}

// Checks that the settings do not contradict each other about an endpoint.
void check_endpoint(const settings& all, const char* name) {
    const std::string_view account = all["AccountName"];
    const endpoint e =
        for_setting(name, [&] { return parse_table_endpoint(all[name], all["SharedAccessSignature"]); });
    if (all.has("DefaultEndpointsProtocol")
        && e.at.tls != ascii::is_equal(all["DefaultEndpointsProtocol"], "https"))
        refuse(quoted(name) + " contradicts \"DefaultEndpointsProtocol\"");
    if (account.empty()) return;
    if (const auto of = account_of(e);
        !of.empty() && !ascii::is_equal(of, account) && !is_region_of(of, account))
        refuse(quoted(name) + " belongs to another account than \"AccountName\"");
    const std::string path = '/' + std::string(account) + '/';
    if (is_loopback(e) && e.base_path.starts_with(path)) // on other hosts the path may belong to a gateway
        refuse(quoted(name) + " has a table in its path; it must end after the account");
}

} // namespace

std::string_view present(const char* connection_string) {
    if (!connection_string) refuse("it is null; is the environment variable set?");
    return connection_string;
}

connection_settings development_account() {
    connection_settings s;
    s.endpoint = "http://127.0.0.1:10002/devstoreaccount1";
    s.account = "devstoreaccount1";
    // Public: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
    s.key =
        secret("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");
    return s;
}

connection_settings parse_connection_string(std::string_view text) {
    const settings all(text);
    if (const std::string_view development = all["UseDevelopmentStorage"]; !development.empty()) {
        if (ascii::is_equal(development, "true")) return development_settings(all);
        if (!ascii::is_equal(development, "false")) refuse("\"UseDevelopmentStorage\" must be true or false");
    }
    if (all.has("DevelopmentStorageProxyUri"))
        refuse("\"DevelopmentStorageProxyUri\" requires UseDevelopmentStorage=true");
    if (all.has("AccountEndpoint") && !all.has("TableEndpoint"))
        refuse(
            "it is for the SQL API of Cosmos DB (it has \"AccountEndpoint\"); use the one for the Table API, "
            "which has \"TableEndpoint\": in the portal under Settings, Connection String of a Table "
            "account");
    if (const std::string_view protocol = all["DefaultEndpointsProtocol"];
        !protocol.empty() && !ascii::is_equal(protocol, "https") && !ascii::is_equal(protocol, "http"))
        refuse("\"DefaultEndpointsProtocol\" must be https or http");
    check_credentials(all);
    connection_settings s;
    s.account = all["AccountName"];
    s.key = all["AccountKey"];
    s.sas = all["SharedAccessSignature"];
    if (all.has("TableEndpoint")) {
        check_endpoint(all, "TableEndpoint");
        s.endpoint = all["TableEndpoint"];
    } else {
        s.endpoint = endpoint_by_name(all);
        for_setting("EndpointSuffix", [&] { return parse_table_endpoint(s.endpoint); });
    }
    if (all.has("TableSecondaryEndpoint")) {
        if (!all.has("TableEndpoint")) refuse("\"TableSecondaryEndpoint\" requires \"TableEndpoint\"");
        check_endpoint(all, "TableSecondaryEndpoint");
        s.secondary_endpoint = all["TableSecondaryEndpoint"];
    }
    return s;
}

} // namespace azkv::protocol
