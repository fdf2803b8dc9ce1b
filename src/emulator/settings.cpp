#include "emulator/settings.hpp"

#include "codec/utf.hpp"
#include "emulator/failure.hpp"
#include "emulator/service_properties.hpp"
#include "emulator/xml.hpp"
#include "protocol/http_date.hpp"

#include <boost/property_tree/xml_parser.hpp>

#include <limits>
#include <set>

namespace azkv::emulation {

namespace {

constexpr const char* policies_root = "SignedIdentifiers";
constexpr const char* properties_setting = "service properties";

// A time in the form of the service; empty if there is none.
std::string time_element(const xml::element& policy, const char* name) {
    const std::string text = policy.get(name, "");
    if (text.empty()) return {};
    const auto time = parse_date_time(text);
    if (!time) throw xml::invalid();
    return xml::write(name, format_date_time(*time, fraction::seven));
}

std::string access_policy_element(const xml::element& policy) {
    const std::string permissions = policy.get("Permission", "");
    if (permissions.find_first_not_of("raud") != permissions.npos) throw xml::invalid();
    const std::string content = time_element(policy, "Start") + time_element(policy, "Expiry")
                                + (permissions.empty() ? "" : xml::write("Permission", permissions));
    return content.empty() ? content : xml::write("AccessPolicy", content);
}

/// Collects stored access policies in the form of the service.
class policy_writer {
public:
    // Adds nothing if it throws `failure`.
    void add(const std::string& name, const xml::element& identifier) {
        constexpr std::size_t longest_id = 64;
        const std::string id = identifier.get("Id", "");
        if (name != "SignedIdentifier" || id.empty() || codec::utf16_length(id) > longest_id
            || ids_.contains(id) || ids_.size() == limits::access_policies)
            throw xml::invalid();
        const auto policy = identifier.get_child_optional("AccessPolicy");
        content_ += xml::write("SignedIdentifier",
                               xml::write("Id", boost::property_tree::xml_parser::encode_char_entities(id))
                                   + (policy ? access_policy_element(*policy) : std::string()));
        ids_.insert(id);
    }

    std::string release() && { return xml::write(policies_root, content_); }

private:
    std::set<std::string> ids_;
    std::string content_;
};

std::string normalize_policies(const std::string& text) {
    const xml::element document = xml::read(text);
    policy_writer policies;
    for (const auto& [name, identifier] : xml::child(document, policies_root))
        if (name != xml::attributes) policies.add(name, identifier);
    return std::move(policies).release();
}

// Without those that are not valid.
std::string repair_policies(const std::string& text) {
    policy_writer policies;
    const auto attempt = [](auto step) {
        try {
            step();
        } catch (const failure&) {
        }
    };
    attempt([&] {
        const xml::element document = xml::read(text);
        for (const auto& [name, identifier] : xml::child(document, policies_root))
            attempt([&] { policies.add(name, identifier); });
    });
    return std::move(policies).release();
}

std::string service_properties(storage& db) {
    const std::string text = db.setting(properties_setting);
    return text.empty() ? default_properties() : text;
}

void refuse_in_cosmos(const context& c) {
    if (c.mode == service_mode::cosmos)
        throw failure(501, "NotImplemented", "The requested operation is not supported.");
}

} // namespace

void repair_settings(storage& db) {
    if (const std::string text = db.setting(properties_setting); !text.empty())
        db.set_setting(properties_setting, repair_properties(text));
    for (const std::string& name : db.tables({}, std::numeric_limits<std::size_t>::max())) {
        const auto table = db.find_table(name, false);
        const std::string text = table ? db.access_policies(*table) : std::string();
        if (!text.empty()) db.set_access_policies(*table, repair_policies(text));
    }
}

reply get_policies(const context& c, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::access_policies, t.table);
    const std::string text = c.db.access_policies(c.find_table(t.table));
    return xml::document(text.empty() ? xml::write(policies_root, "") : text);
}

reply set_policies(const context& c, const request& r, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::access_policies, t.table);
    const auto table = c.find_table(t.table);
    if (r.body.empty())
        throw failure(415, "MediaTypeNotSupported", "None of the provided media types are supported");
    c.db.set_access_policies(table, normalize_policies(r.body));
    reply answer;
    answer.status = 204;
    return answer;
}

std::optional<access_policy> find_policy(storage& db, std::string_view table, std::string_view id) {
    const auto found = db.find_table(table, false);
    const std::string text = found ? db.access_policies(*found) : std::string();
    if (text.empty()) return std::nullopt;
    const xml::element tree = xml::read(text);
    for (const auto& [name, policy] : tree.get_child(policies_root)) {
        if (policy.get("Id", "") != id) continue;
        access_policy p;
        p.start = policy.get("AccessPolicy.Start", "");
        p.expiry = policy.get("AccessPolicy.Expiry", "");
        p.permissions = policy.get("AccessPolicy.Permission", "");
        return p;
    }
    return std::nullopt;
}

reply get_properties(const context& c) {
    refuse_in_cosmos(c);
    c.allowed.require(access::read_service, {});
    return xml::document(service_properties(c.db));
}

reply set_properties(const context& c, const request& r) {
    refuse_in_cosmos(c);
    c.allowed.require(access::write_service, {});
    c.db.set_setting(properties_setting, merge_properties(service_properties(c.db), r.body));
    reply answer;
    answer.status = 202;
    return answer;
}

cors_rules find_cors_rules(storage& db) {
    return read_cors_rules(service_properties(db));
}

reply get_stats(const context& c, const target& t) {
    refuse_in_cosmos(c);
    c.allowed.require(access::read_service, {});
    if (!t.secondary) throw invalid_query_parameter();
    return xml::document("<StorageServiceStats><GeoReplication><Status>live</Status><LastSyncTime>"
                         + protocol::http_date(c.now)
                         + "</LastSyncTime></GeoReplication></StorageServiceStats>");
}

} // namespace azkv::emulation
