#include "emulator/settings.hpp"

#include "codec/utf.hpp"
#include "emulator/failure.hpp"
#include "protocol/http_date.hpp"

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

namespace azkv::emulation {

namespace {

namespace pt = boost::property_tree;

reply xml_reply(unsigned status, std::string body) {
    reply answer;
    answer.status = status;
    answer.headers.emplace_back("Content-Type", "application/xml");
    answer.body = std::move(body);
    return answer;
}

failure invalid_xml() {
    return failure(400, "InvalidXmlDocument", "XML specified is not syntactically valid.");
}

// Far above the number in the documents of the service. Limits the recursion of the parser.
constexpr std::ptrdiff_t max_tags = 1000;

pt::ptree read_xml(const std::string& text) {
    if (std::ranges::count(text, '<') > max_tags) throw invalid_xml();
    pt::ptree tree;
    std::istringstream in(text);
    try {
        pt::read_xml(in, tree, pt::xml_parser::trim_whitespace | pt::xml_parser::no_comments);
    } catch (const pt::xml_parser_error&) {
        throw invalid_xml();
    }
    return tree;
}

constexpr std::string_view xml_attributes = "<xmlattr>"; // their name in Boost.PropertyTree

void check_policies(const pt::ptree& tree) {
    const auto policies = tree.get_child_optional("SignedIdentifiers");
    if (!policies) throw invalid_xml();
    std::set<std::string> ids;
    for (const auto& [name, policy] : *policies) {
        if (name == xml_attributes) continue;
        const std::string id = policy.get("Id", "");
        const std::string permissions = policy.get("AccessPolicy.Permission", "");
        const bool known = permissions.find_first_not_of("raud") == permissions.npos;
        if (name != "SignedIdentifier" || id.empty() || codec::utf16_length(id) > 64 || !known
            || !ids.insert(id).second)
            throw invalid_xml();
    }
    if (ids.size() > limits::access_policies) throw invalid_xml();
}

constexpr const char* no_policies =
    R"(<?xml version="1.0" encoding="utf-8"?><SignedIdentifiers></SignedIdentifiers>)";

constexpr const char* default_properties =
    R"(<?xml version="1.0" encoding="utf-8"?><StorageServiceProperties>)"
    R"(<Logging><Version>1.0</Version><Read>false</Read><Write>false</Write><Delete>false</Delete>)"
    R"(<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></Logging>)"
    R"(<HourMetrics><Version>1.0</Version><Enabled>false</Enabled>)"
    R"(<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></HourMetrics>)"
    R"(<MinuteMetrics><Version>1.0</Version><Enabled>false</Enabled>)"
    R"(<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></MinuteMetrics><Cors />)"
    R"(</StorageServiceProperties>)";

constexpr const char* properties_setting = "service properties";

std::string service_properties(const context& c) {
    const std::string text = c.db.setting(properties_setting);
    return text.empty() ? default_properties : text;
}

void refuse_in_cosmos(const context& c) {
    if (c.mode == service_mode::cosmos)
        throw failure(501, "NotImplemented", "The requested operation is not implemented.");
}

} // namespace

reply get_policies(const context& c, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::manage, t.table);
    const std::string text = c.db.access_policies(c.find_table(t.table));
    return xml_reply(200, text.empty() ? no_policies : text);
}

reply set_policies(const context& c, const request& r, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::manage, t.table);
    const auto table = c.find_table(t.table);
    if (!r.body.empty()) check_policies(read_xml(r.body));
    c.db.set_access_policies(table, r.body);
    reply answer;
    answer.status = 204;
    return answer;
}

std::optional<access_policy> find_policy(storage& db, std::string_view table, std::string_view id) {
    const auto found = db.find_table(table, false);
    const std::string text = found ? db.access_policies(*found) : std::string();
    if (text.empty()) return std::nullopt;
    const pt::ptree tree = read_xml(text);
    for (const auto& [name, policy] : tree.get_child("SignedIdentifiers")) {
        if (policy.get("Id", "") != id) continue;
        access_policy p;
        p.start = policy.get("AccessPolicy.Start", "");
        p.expiry = policy.get("AccessPolicy.Expiry", "");
        p.permissions = policy.get("AccessPolicy.Permission", "");
        return p;
    }
    return std::nullopt;
}

reply get_properties(const context& c, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::manage, t.table);
    return xml_reply(200, service_properties(c));
}

reply set_properties(const context& c, const request& r) {
    refuse_in_cosmos(c);
    c.allowed.require(access::manage, {});
    const pt::ptree sent = read_xml(r.body);
    const auto sections = sent.get_child_optional("StorageServiceProperties");
    if (!sections) throw invalid_xml();
    // Sections that are absent remain unchanged.
    pt::ptree kept = read_xml(service_properties(c));
    for (const auto& [name, section] : *sections) {
        constexpr std::array<std::string_view, 4> known{"Logging", "HourMetrics", "MinuteMetrics", "Cors"};
        if (std::ranges::find(known, name) == known.end()) throw invalid_xml();
        kept.put_child("StorageServiceProperties." + name, section);
    }
    std::ostringstream text;
    pt::write_xml(text, kept);
    const std::string whole = text.str();
    read_xml(whole); // must be readable for the next change
    c.db.set_setting(properties_setting, whole);
    reply answer;
    answer.status = 202;
    return answer;
}

reply get_stats(const context& c, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::manage, {});
    if (!t.secondary) throw invalid_query_parameter();
    return xml_reply(200, R"(<?xml version="1.0" encoding="utf-8"?><StorageServiceStats><GeoReplication>)"
                          R"(<Status>live</Status><LastSyncTime>)"
                              + protocol::http_date(c.now)
                              + "</LastSyncTime></GeoReplication></StorageServiceStats>");
}

} // namespace azkv::emulation
