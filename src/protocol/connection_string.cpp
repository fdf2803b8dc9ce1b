#include "protocol/connection_string.hpp"

#include "protocol/endpoint.hpp"

#include <azkv/error.hpp>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace azkv::protocol {

namespace {

[[noreturn]] void refuse(const std::string& why) {
    throw error(errc::invalid_connection_string, "the connection string " + why);
}

struct case_insensitive {
    bool operator()(std::string_view a, std::string_view b) const {
        return boost::algorithm::ilexicographical_compare(a, b);
    }
};

bool is_known(std::string_view name) {
    constexpr std::array names{
        "DefaultEndpointsProtocol", "AccountName",           "AccountKey",
        "EndpointSuffix",           "TableEndpoint",         "TableSecondaryEndpoint",
        "SharedAccessSignature",    "UseDevelopmentStorage", "DevelopmentStorageProxyUri",
        "AccountEndpoint"};
    return std::ranges::any_of(names,
                               [&](const char* known) { return boost::algorithm::iequals(name, known); });
}

using settings = std::map<std::string_view, std::string_view, case_insensitive>;

// `Name=Text;Name=Text;...`; each pair is cut at its first `=`, since keys end in `=`.
settings split_settings(std::string_view text) {
    settings all;
    if (text.starts_with('"') || text.starts_with('\''))
        refuse("begins with a quotation mark, which is not part of it");
    while (!text.empty()) {
        const auto end = std::min(text.find(';'), text.size());
        std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        pair = boost::algorithm::trim_copy(pair);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        // What stands before the first `=` is a name only if there is one; it could be a secret otherwise.
        if (equals == pair.npos || equals == 0) refuse("has a part that is not of the form Name=Value");
        const auto name = pair.substr(0, equals);
        if (!all.emplace(name, pair.substr(equals + 1)).second)
            // What is no setting's name may be half a secret, and is not repeated.
            refuse("has " + (is_known(name) ? "the setting " + std::string(name) : std::string("a setting"))
                   + " twice");
    }
    if (all.empty()) refuse("is empty");
    return all;
}

} // namespace

connection_settings development_account() {
    connection_settings s;
    s.endpoint = "http://127.0.0.1:10002/devstoreaccount1";
    s.account = "devstoreaccount1";
    // Public: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
    s.key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    return s;
}

connection_settings parse_connection_string(std::string_view text) {
    const settings all = split_settings(text);
    const auto find = [&](std::string_view name) {
        const auto it = all.find(name);
        if (it == all.end()) return std::string();
        if (it->second.empty()) refuse("has an empty " + std::string(name));
        return std::string(it->second);
    };

    if (all.contains("UseDevelopmentStorage")) {
        if (!boost::algorithm::iequals(find("UseDevelopmentStorage"), "true"))
            refuse("has a UseDevelopmentStorage that is not true");
        connection_settings s = development_account();
        if (const std::string proxy = find("DevelopmentStorageProxyUri"); !proxy.empty()) {
            const auto url = boost::urls::parse_uri(proxy);
            if (!url || url->encoded_host().empty())
                refuse("has a DevelopmentStorageProxyUri that is not a URL");
            s.endpoint =
                std::string(url->scheme()) + "://" + std::string(url->encoded_host()) + ":10002/" + s.account;
        }
        return s;
    }

    if (all.contains("AccountEndpoint"))
        refuse("is one for the SQL API of Cosmos DB (it has AccountEndpoint); take the one for the Table "
               "API, which "
               "has TableEndpoint: in the portal under Settings, Connection String of a Table account");

    connection_settings s;
    s.account = find("AccountName");
    s.key = find("AccountKey");
    s.sas = find("SharedAccessSignature");
    s.endpoint = find("TableEndpoint");
    s.secondary_endpoint = find("TableSecondaryEndpoint");
    if (s.endpoint.empty() && all.contains("TableSecondaryEndpoint"))
        refuse("has a TableSecondaryEndpoint without a TableEndpoint");
    if (!s.key.empty() && !s.sas.empty())
        refuse("has both an AccountKey and a SharedAccessSignature; leave one of them out");
    if (s.key.empty() && s.sas.empty()) refuse("has neither an AccountKey nor a SharedAccessSignature");
    if (!s.key.empty() && s.account.empty()) refuse("has an AccountKey but no AccountName");
    if (s.endpoint.empty()) {
        if (s.account.empty()) refuse("has neither a TableEndpoint nor an AccountName");
        if (!is_host_label(s.account))
            refuse("has an AccountName that none can have: it is of letters, digits and hyphens");
        std::string protocol = find("DefaultEndpointsProtocol");
        if (protocol.empty()) protocol = "https";
        if (!boost::algorithm::iequals(protocol, "https") && !boost::algorithm::iequals(protocol, "http"))
            refuse("has a DefaultEndpointsProtocol that is neither https nor http");
        std::string suffix = find("EndpointSuffix");
        if (suffix.empty()) suffix = "core.windows.net";
        s.endpoint = protocol + "://" + s.account + ".table." + suffix;
    }
    return s;
}

} // namespace azkv::protocol
