#include "emulator/entity_response.hpp"

#include "codec/json_text.hpp"
#include "support/ascii.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/rfc/pchars.hpp>

#include <algorithm>
#include <set>

namespace azkv::emulation {

namespace {

using selection = std::vector<std::string>; // none: all

bool has(const selection& selected, std::string_view name) {
    return selected.empty() || std::ranges::binary_search(selected, name);
}

void append_annotations(std::string& out, const context& c, const std::string& table, const record& kept,
                        metadata level, std::string_view metadata_url) {
    if (level == metadata::none) return;
    const auto append = [&](std::string_view name, std::string_view text) { append_member(out, name, text); };
    const bool full = level == metadata::full, cosmos = c.mode == service_mode::cosmos;
    const std::string segment =
        full ? entity_segment(table, kept.partition_key, kept.row_key, c.mode) : std::string();
    const auto append_names = [&] {
        append("odata.type", c.account + "." + table);
        append("odata.id", c.base_url + segment);
        if (cosmos) append("odata.editLink", segment);
    };
    if (full && cosmos) append_names();
    if (!metadata_url.empty()) append("odata.metadata", metadata_url);
    if (full && !cosmos) append_names();
    append("odata.etag", etag(kept.timestamp, c.mode));
    if (full && !cosmos) append("odata.editLink", segment);
}

void append_timestamp(std::string& out, const context& c, const record& kept, metadata level) {
    if (level == metadata::full) append_member(out, "Timestamp@odata.type", edm_name(edm::date_time));
    append_member(out, "Timestamp", format_timestamp(kept.timestamp, c.mode));
}

void append_null(std::string& out, std::string_view name) {
    codec::append_json(out, name);
    out.append(":null");
}

// As Table Storage does: sorted, and as null what the entity does not have.
void append_selected(std::string& out, const context& c, const std::vector<property>& properties,
                     metadata level, const selection& selected) {
    for (const std::string& name : selected) {
        if (is_key(name)) continue;
        const auto p = std::ranges::find(properties, name, &property::name);
        if (p != properties.end())
            append_property(out, name, p->value, level, c.mode);
        else if (is_identifier(name)) // whatever else may stand in `$select` is no property
            append_null(out, name);
        else
            continue;
        out.push_back(',');
    }
}

void append_properties(std::string& out, const context& c, const record& kept, metadata level,
                       const selection& selected) {
    if (selected.empty() && level != metadata::none) {
        out.append(kept.properties); // stored in this form
        if (!kept.properties.empty()) out.push_back(',');
        return;
    }
    const std::vector<property> properties = read_properties(kept.properties);
    if (c.mode == service_mode::storage && !selected.empty())
        return append_selected(out, c, properties, level, selected);
    for (const property& p : properties) {
        if (!has(selected, p.name)) continue;
        append_property(out, p.name, p.value, level, c.mode);
        out.push_back(',');
    }
}

} // namespace

std::string entity_metadata_url(const context& c, const target& t) {
    const std::string folder = c.mode == service_mode::cosmos ? t.table + "/" : std::string();
    return c.base_url + folder + "$metadata#" + t.table + "/@Element" + selected_in_url(c, t);
}

std::vector<std::string> read_select(const target& t) {
    const std::string* const text = t.parameter("$select");
    const auto items = ascii::list_items(text ? *text : std::string_view());
    if (std::ranges::find(items, "*") != items.end()) return {};
    const std::set<std::string> sorted(items.begin(), items.end());
    return {sorted.begin(), sorted.end()};
}

std::string selected_in_url(const context& c, const target& t) {
    const std::string* const text = t.parameter("$select");
    if (!text || c.mode == service_mode::cosmos) return {};
    return "&$select=" + boost::urls::encode(*text, boost::urls::pchars);
}

void append_entity(std::string& out, const context& c, const std::string& table, const record& kept,
                   metadata level, const std::vector<std::string>& selected, std::string_view metadata_url) {
    const bool cosmos = c.mode == service_mode::cosmos;
    // An emulator of an earlier version has stored the properties without the keys.
    const bool has_keys = cosmos && kept.properties.find("\"PartitionKey\":") != std::string::npos;
    out.push_back('{');
    append_annotations(out, c, table, kept, level, metadata_url);
    if (!has_keys && has(selected, "PartitionKey")) append_member(out, "PartitionKey", kept.partition_key);
    if (!has_keys && has(selected, "RowKey")) append_member(out, "RowKey", kept.row_key);
    if (!cosmos && has(selected, "Timestamp")) append_timestamp(out, c, kept, level);
    append_properties(out, c, kept, level, selected);
    if (cosmos && has(selected, "Timestamp")) append_timestamp(out, c, kept, level);
    if (out.back() == ',') out.pop_back();
    out.push_back('}');
}

} // namespace azkv::emulation
