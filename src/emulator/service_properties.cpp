#include "emulator/service_properties.hpp"

#include "support/ascii.hpp"
#include "support/whole_number.hpp"

#include <boost/property_tree/xml_parser.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace azkv::emulation {

namespace {

constexpr const char* root = "StorageServiceProperties";

std::string text_of(const xml::element& e, const char* name) {
    return xml::child(e, name).data();
}

std::string escaped(const std::string& text) {
    return boost::property_tree::xml_parser::encode_char_entities(text);
}

bool read_flag(const xml::element& e, const char* name) {
    const std::string text = text_of(e, name);
    const bool yes = ascii::is_equal(text, "true");
    if (!yes && !ascii::is_equal(text, "false")) throw xml::invalid();
    return yes;
}

std::string flag(const xml::element& e, const char* name) {
    return xml::write(name, read_flag(e, name) ? "true" : "false");
}

std::string version(const xml::element& e) {
    if (text_of(e, "Version") != "1.0") throw xml::invalid();
    return xml::write("Version", "1.0");
}

// Days belong to a policy that is enabled, and to no other.
std::string retention(const xml::element& section) {
    const xml::element& policy = xml::child(section, "RetentionPolicy");
    xml::check_children(policy, {"Enabled", "Days"});
    const bool enabled = read_flag(policy, "Enabled");
    if (enabled != (policy.find("Days") != policy.not_found())) throw xml::invalid();
    std::string content = flag(policy, "Enabled");
    if (enabled) {
        const auto days = support::whole_number<int>(text_of(policy, "Days"), 1, 365);
        if (!days) throw xml::invalid();
        content += xml::write("Days", std::to_string(*days));
    }
    return xml::write("RetentionPolicy", content);
}

std::string logging(const xml::element& e) {
    xml::check_children(e, {"Version", "Read", "Write", "Delete", "RetentionPolicy"});
    return version(e) + flag(e, "Read") + flag(e, "Write") + flag(e, "Delete") + retention(e);
}

std::string metrics(const xml::element& e) {
    xml::check_children(e, {"Version", "Enabled", "IncludeAPIs", "RetentionPolicy"});
    std::string content = version(e) + flag(e, "Enabled");
    if (read_flag(e, "Enabled")) content += flag(e, "IncludeAPIs");
    return content + retention(e);
}

std::vector<std::string> read_list(const xml::element& rule, const char* name) {
    const auto items = ascii::list_items(xml::child(rule, name).data());
    return {items.begin(), items.end()};
}

void check_list(const std::vector<std::string>& items, std::size_t most) {
    constexpr std::size_t longest = 256;
    const auto bad = [](const std::string& item) { return item.empty() || item.size() > longest; };
    if (items.size() > most || std::ranges::any_of(items, bad)) throw xml::invalid();
}

// At most 64 names and 2 prefixes, which end in `*`.
void check_header_names(const std::vector<std::string>& names) {
    const auto is_prefix = [](const std::string& name) { return name.ends_with('*'); };
    const auto prefixes = std::ranges::count_if(names, is_prefix);
    check_list(names, 64 + static_cast<std::size_t>(prefixes));
    if (prefixes > 2) throw xml::invalid();
}

cors_rule read_rule(const xml::element& e) {
    const std::vector<std::string_view> all{"AllowedOrigins", "AllowedMethods", "AllowedHeaders",
                                            "ExposedHeaders", "MaxAgeInSeconds"};
    xml::check_children(e, all);
    for (const std::string_view name : all) xml::child(e, name.data());
    cors_rule rule;
    rule.origins = read_list(e, "AllowedOrigins");
    rule.methods = read_list(e, "AllowedMethods");
    rule.allowed_headers = read_list(e, "AllowedHeaders");
    rule.exposed_headers = read_list(e, "ExposedHeaders");
    check_list(rule.origins, 64);
    check_header_names(rule.allowed_headers);
    check_header_names(rule.exposed_headers);
    constexpr std::array<std::string_view, 8> methods{"DELETE", "GET",  "HEAD",    "MERGE",
                                                      "PATCH",  "POST", "OPTIONS", "PUT"};
    const auto is_known = [&](const std::string& m) {
        return std::ranges::find(methods, m) != methods.end();
    };
    if (rule.origins.empty() || rule.methods.empty() || !std::ranges::all_of(rule.methods, is_known))
        throw xml::invalid();
    const auto age = support::whole_number<std::int32_t>(text_of(e, "MaxAgeInSeconds"), 0,
                                                         std::numeric_limits<std::int32_t>::max());
    if (!age) throw xml::invalid();
    rule.max_age = std::to_string(*age);
    return rule;
}

std::string write_list(const char* name, const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text.append(text.empty() ? "" : ",").append(escaped(item));
    return xml::write(name, text);
}

std::vector<cors_rule> read_rules(const xml::element& cors) {
    constexpr std::size_t most = 5;
    std::vector<cors_rule> rules;
    for (const auto& [name, rule] : cors) {
        if (name == xml::attributes) continue;
        if (name != "CorsRule" || rules.size() == most) throw xml::invalid();
        rules.push_back(read_rule(rule));
    }
    return rules;
}

// Without tags, as the service counts.
std::size_t size_of_rules(const xml::element& cors) {
    std::size_t bytes = 0;
    for (const auto& [name, rule] : cors) {
        if (name == xml::attributes) continue;
        for (const auto& [setting, text] : rule) bytes += text.data().size();
    }
    return bytes;
}

std::string cors(const xml::element& e) {
    constexpr std::size_t most_bytes = 2048;
    if (size_of_rules(e) > most_bytes) throw xml::invalid();
    std::string content;
    for (const cors_rule& rule : read_rules(e))
        content += xml::write("CorsRule", write_list("AllowedMethods", rule.methods)
                                              + write_list("AllowedOrigins", rule.origins)
                                              + write_list("AllowedHeaders", rule.allowed_headers)
                                              + write_list("ExposedHeaders", rule.exposed_headers)
                                              + xml::write("MaxAgeInSeconds", rule.max_age));
    return content;
}

const std::vector<std::string_view> section_names{"Logging", "HourMetrics", "MinuteMetrics", "Cors"};

// Returns the content of a section in the form of the service. Throws `failure`.
using section_writer = std::string (*)(const xml::element&);

// `write` returns the content of the section of that name, with that writer.
template <class Write>
std::string write_sections(Write write) {
    constexpr std::array<section_writer, 4> writers{logging, metrics, metrics, cors};
    std::string content;
    for (std::size_t i = 0; i < writers.size(); ++i) {
        const char* const name = section_names[i].data();
        content += xml::write(name, write(name, writers[i]));
    }
    return xml::write(root, content);
}

} // namespace

std::string default_properties() {
    const std::string off = "<Enabled>false</Enabled>";
    const std::string retention = xml::write("RetentionPolicy", off);
    const std::string metrics = "<Version>1.0</Version>" + off + retention;
    const std::string logging = "<Version>1.0</Version><Read>false</Read><Write>false</Write>"
                                "<Delete>false</Delete>"
                                + retention;
    return xml::write(root, xml::write("Logging", logging) + xml::write("HourMetrics", metrics)
                                + xml::write("MinuteMetrics", metrics) + xml::write("Cors", ""));
}

std::string merge_properties(const std::string& kept, const std::string& sent) {
    const xml::element kept_document = xml::read(kept), sent_document = xml::read(sent);
    const xml::element& before = xml::child(kept_document, root);
    const xml::element& changes = xml::child(sent_document, root);
    xml::check_children(changes, section_names);
    return write_sections([&](const char* name, section_writer write) {
        return write(xml::child(changes.count(name) > 0 ? changes : before, name));
    });
}

std::string repair_properties(const std::string& kept) {
    const xml::element defaults = xml::read(default_properties());
    xml::element document;
    try {
        document = xml::read(kept);
    } catch (const failure&) {
        return default_properties();
    }
    const auto stored = document.get_child_optional(root);
    return write_sections([&](const char* name, section_writer write) {
        try {
            if (stored && stored->count(name) > 0) return write(xml::child(*stored, name));
        } catch (const failure&) { // not valid
        }
        return write(xml::child(xml::child(defaults, root), name));
    });
}

cors_rules read_cors_rules(const std::string& properties) {
    const xml::element document = xml::read(properties);
    return cors_rules(read_rules(xml::child(xml::child(document, root), "Cors")));
}

} // namespace azkv::emulation
