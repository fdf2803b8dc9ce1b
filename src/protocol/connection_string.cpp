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
    throw error(errc::invalid_connection_string, "the connection string " + why);
}

constexpr std::array known_names{
    "DefaultEndpointsProtocol", "AccountName",           "AccountKey",
    "EndpointSuffix",           "TableEndpoint",         "TableSecondaryEndpoint",
    "SharedAccessSignature",    "UseDevelopmentStorage", "DevelopmentStorageProxyUri",
    "AccountEndpoint"};

// Endpoints of the account's other services, and what stands for the service in their hosts.
constexpr std::array<std::pair<const char*, const char*>, 5> other_services{{{"BlobEndpoint", "blob"},
                                                                             {"QueueEndpoint", "queue"},
                                                                             {"FileEndpoint", "file"},
                                                                             {"DfsEndpoint", "dfs"},
                                                                             {"WebEndpoint", "web"}}};

constexpr const char* public_cloud = "core.windows.net";

// The setting of that name, as its documentation writes it; null if there is none.
const char* known_name(std::string_view name) {
    const auto found =
        std::ranges::find_if(known_names, [&](const char* known) { return ascii::is_equal(name, known); });
    return found == known_names.end() ? nullptr : *found;
}

bool is_of_other_service(std::string_view name) {
    return std::ranges::any_of(other_services, [&](const auto& s) { return ascii::is_equal(name, s.first); });
}

// How many letters have to be put in, taken out or changed to make one of the other, in whatever case.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1); // for the beginning of `a` so far, and each beginning of `b`
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

// The setting whose name was meant, if this one is none but nearly; else null. Left alone, another endpoint
// would be taken than the one that was given.
const char* meant_by(std::string_view name) {
    if (is_of_other_service(name) || name.size() > 48) return nullptr;
    const auto found =
        std::ranges::find_if(known_names, [&](const char* known) { return distance(name, known) <= 2; });
    return found == known_names.end() ? nullptr : *found;
}

// Whether a text before a `=` can be nothing but a name, and no half of a secret.
bool may_be_shown(std::string_view name) {
    return name.size() <= 48 && std::ranges::all_of(name, [](char c) {
               return c == '_' || boost::urls::grammar::alpha_chars(c);
           });
}

/// `Name=Text;Name=Text;...`
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
        if (all_.empty()) refuse("is empty");
    }

    bool has(std::string_view name) const { return all_.contains(name); }

    /// Empty if there is no such setting.
    std::string_view operator[](std::string_view name) const {
        const auto it = all_.find(name);
        return it == all_.end() ? std::string_view() : it->second;
    }

    /// For messages that say what is missing: a name that is misspelt stands among those.
    std::string unknown_names() const {
        std::string names;
        for (const auto& [name, text] : all_) {
            if (known_name(name) || is_of_other_service(name)) continue;
            names.append(names.empty() ? "; not known: " : ", ")
                .append(may_be_shown(name) ? '"' + std::string(name) + '"' : "a setting");
        }
        return names;
    }

private:
    // What was copied with it from a configuration file.
    static void refuse_beginning(std::string_view text) {
        if (text.starts_with('"') || text.starts_with('\''))
            refuse("begins with a quotation mark, which is not part of it");
        text = text.substr(0, text.find(';'));
        const auto equals = text.find('=');
        if (equals == text.npos || known_name(ascii::trim(text.substr(0, equals)))) return;
        std::string_view behind = ascii::trim(text.substr(equals + 1));
        if (behind.starts_with('"') || behind.starts_with('\'')) behind.remove_prefix(1);
        const auto next = behind.find('=');
        const char* const first =
            next == behind.npos ? nullptr : known_name(ascii::trim(behind.substr(0, next)));
        if (!first) return;
        const std::string_view name = ascii::trim(text.substr(0, equals));
        refuse("begins with " + (may_be_shown(name) ? std::string(name) + '=' : "a name and =")
               + ", which is not part of it: it begins at " + first);
    }

    void add(std::string_view pair, int part) {
        if (pair.empty()) return;
        // Keys end in `=`, so it is the first that counts. What stands before it is a name only if there is
        // one; it could be a secret otherwise.
        const auto equals = pair.find('=');
        const std::string_view name = ascii::trim(pair.substr(0, equals));
        if (equals == pair.npos || name.empty())
            refuse("has no Name=Value in part " + std::to_string(part) + " (semicolons separate the parts)");
        const std::string_view text = ascii::trim(pair.substr(equals + 1));
        const char* const known = known_name(name);
        if (!all_.emplace(name, text).second)
            refuse("has "
                   + (known || may_be_shown(name) ? "the setting " + std::string(known ? known : name)
                                                  : std::string("a setting"))
                   + " twice");
        if (!known) {
            if (const char* const meant = meant_by(name))
                refuse("has " + (may_be_shown(name) ? '"' + std::string(name) + '"' : "a setting")
                       + ", which is not known; is " + meant + " meant?");
            return;
        }
        if (text.empty()) refuse(std::string("has an empty ") + known);
        // A text that was broken into lines, or a line end where a semicolon should be.
        if (text.find_first_of(" \t\r\n\v\f") != text.npos)
            refuse(std::string("has a blank or a line end within ") + known);
    }

    std::map<std::string_view, std::string_view, boost::urls::grammar::ci_less> all_;
};

// Throws as `f` does, but names the setting.
template <class F>
auto blame(const char* setting, F f) {
    try {
        return f();
    } catch (const error& e) {
        refuse(std::string("has a wrong ") + setting + ": " + e.what());
    }
}

connection_settings development_settings(const settings& all) {
    for (const char* name : known_names)
        if (all.has(name) && name != std::string_view("UseDevelopmentStorage")
            && name != std::string_view("DevelopmentStorageProxyUri"))
            refuse(std::string("has both UseDevelopmentStorage and ") + name + "; leave one of them out");
    connection_settings s = development_account();
    if (const std::string_view proxy = all["DevelopmentStorageProxyUri"]; !proxy.empty()) {
        const auto url = boost::urls::parse_uri(proxy);
        if (!url || url->encoded_host().empty()) refuse("has a DevelopmentStorageProxyUri that is not a URL");
        s.endpoint =
            std::string(url->scheme()) + "://" + std::string(url->encoded_host()) + ":10002/" + s.account;
        blame("DevelopmentStorageProxyUri", [&] { return parse_table_endpoint(s.endpoint); });
    }
    return s;
}

void check_credentials(const settings& all) {
    const bool key = all.has("AccountKey");
    const bool sas = all.has("SharedAccessSignature");
    if (key && sas) refuse("has both an AccountKey and a SharedAccessSignature; leave one of them out");
    if (!key && !sas) refuse("has neither an AccountKey nor a SharedAccessSignature" + all.unknown_names());
    // It becomes part of a header.
    if (!std::ranges::all_of(all["AccountName"], [](char c) { return c > ' ' && c < 0x7F && c != ':'; }))
        refuse("has an AccountName that none can have");
    if (key && !all.has("AccountName")) refuse("has an AccountKey but no AccountName" + all.unknown_names());
}

// Empty if the text is no endpoint.
std::string host_of(std::string_view url) {
    try {
        return parse_endpoint(url).at.host;
    } catch (const error&) {
        return {};
    }
}

// The URL that the account's tables have by its name.
std::string endpoint_by_name(const settings& all) {
    const std::string account(all["AccountName"]);
    const std::string_view suffix = all.has("EndpointSuffix") ? all["EndpointSuffix"] : public_cloud;
    // Where the other services are elsewhere, the tables are as well.
    for (const auto& [name, service] : other_services)
        if (all.has(name) && !all.has("EndpointSuffix")
            && std::string_view(service) != "web" // whose hosts have the name of a zone
            && host_of(all[name]) != ascii::to_lower(account + '.' + service + '.' + public_cloud))
            refuse(std::string("has a ") + name + " but no TableEndpoint" + all.unknown_names());
    if (account.empty()) refuse("has neither a TableEndpoint nor an AccountName" + all.unknown_names());
    // 24 in Table Storage, 44 in Cosmos DB; a key, which must not become part of a host's name, has 88.
    // https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    if (!is_host_label(account) || account.size() > 44)
        refuse("has an AccountName that no account can have: at most 44 letters, digits and hyphens");
    if (!is_host_suffix(suffix))
        refuse("has an EndpointSuffix that is not the end of a host, such as core.windows.net");
    if (ascii::to_lower(suffix).starts_with("table."))
        refuse("has an EndpointSuffix that begins with table, which is put in front of it");
    const std::string_view protocol =
        all.has("DefaultEndpointsProtocol") ? all["DefaultEndpointsProtocol"] : "https";
    return ascii::to_lower(protocol) + "://" + account + ".table." + std::string(suffix);
}

// `acct-secondary`, and what Cosmos DB calls an account in one of its regions: `acct-westus`
bool is_region_of(std::string_view host, std::string_view account) {
    return host.size() > account.size() && host[account.size()] == '-'
           && ascii::is_equal(host.substr(0, account.size()), account);
}

// Whether what the settings say of an endpoint is one thing.
void check_endpoint(const settings& all, const char* name) {
    const std::string_view account = all["AccountName"];
    const endpoint e =
        blame(name, [&] { return parse_table_endpoint(all[name], all["SharedAccessSignature"]); });
    if (all.has("DefaultEndpointsProtocol")
        && e.at.tls != ascii::is_equal(all["DefaultEndpointsProtocol"], "https"))
        refuse(std::string("has a ") + name + " of another protocol than DefaultEndpointsProtocol says");
    if (account.empty()) return;
    if (const auto of = account_of(e);
        !of.empty() && !ascii::is_equal(of, account) && !is_region_of(of, account))
        refuse(std::string("has a ") + name + " of another account than AccountName says");
    const std::string path = '/' + std::string(account) + '/';
    if (is_loopback(e) && e.base_path.starts_with(path)) // elsewhere it may be a gateway's
        refuse(std::string("has a ") + name + " with a table in its path; it ends after the account");
}

} // namespace

std::string_view present(const char* connection_string) {
    if (!connection_string) refuse("is null: the variable that it comes from is not set");
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
        if (!ascii::is_equal(development, "false")) refuse("has a UseDevelopmentStorage that is not true");
    }
    if (all.has("DevelopmentStorageProxyUri"))
        refuse("has a DevelopmentStorageProxyUri without UseDevelopmentStorage=true");
    if (all.has("AccountEndpoint") && !all.has("TableEndpoint"))
        refuse("is one for the SQL API of Cosmos DB (it has AccountEndpoint); take the one for the Table "
               "API, which "
               "has TableEndpoint: in the portal under Settings, Connection String of a Table account");
    if (const std::string_view protocol = all["DefaultEndpointsProtocol"];
        !protocol.empty() && !ascii::is_equal(protocol, "https") && !ascii::is_equal(protocol, "http"))
        refuse("has a DefaultEndpointsProtocol that is neither https nor http");
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
        blame("EndpointSuffix", [&] { return parse_table_endpoint(s.endpoint); });
    }
    if (all.has("TableSecondaryEndpoint")) {
        if (!all.has("TableEndpoint")) refuse("has a TableSecondaryEndpoint without a TableEndpoint");
        check_endpoint(all, "TableSecondaryEndpoint");
        s.secondary_endpoint = all["TableSecondaryEndpoint"];
    }
    return s;
}

} // namespace azkv::protocol
