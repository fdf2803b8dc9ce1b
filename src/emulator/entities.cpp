#include "emulator/entities.hpp"

#include "codec/json_text.hpp"
#include "emulator/failure.hpp"
#include "support/ascii.hpp"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>

#include <algorithm>

namespace azkv::emulation {

namespace {

// Returns the response to a write.
reply written(unsigned status, const context& c, ticks timestamp) {
    reply answer;
    answer.status = status;
    answer.headers.emplace_back("ETag", etag(timestamp, c.mode));
    return answer;
}

// Returns the stored entity, if there is one. With `If-Match` it must exist and have that ETag.
std::optional<record> find_matching(const context& c, storage::table_id table, const request& r,
                                    const target& t) {
    const std::string* const expected = find_header(r.headers, "If-Match");
    std::optional<record> found = c.db.find(table, t.partition_key, t.row_key);
    if (!expected) return found;
    const bool any = *expected == "*";
    if (!any && !expected->starts_with("W/\""))
        throw failure(400, "InvalidInput", "The etag value specified in the If-Match header is not valid.");
    if (!found) throw resource_not_found();
    if (!any && *expected != etag(found->timestamp, c.mode))
        throw failure(412, "UpdateConditionNotSatisfied",
                      "The update condition specified in the request was not satisfied.");
    return found;
}

ticks store(const context& c, storage::table_id table, entity e) {
    check_size(e, c.mode);
    record kept;
    kept.partition_key = std::move(e.partition_key.text);
    kept.row_key = std::move(e.row_key.text);
    kept.timestamp = c.next_timestamp();
    kept.properties = write_properties(e.properties, c.mode);
    c.db.put(table, kept);
    return kept.timestamp;
}

reply insert(const context& c, const request& r, const target& t) {
    const metadata level = read_format(r, t);
    require_json(r);
    c.allowed.require(access::insert, t.table);
    const auto table = c.find_table(t.table);
    sent_entity sent = read_entity(r.body, c.mode);
    if (!sent.partition_key || !sent.row_key)
        throw failure(400, "PropertiesNeedValue",
                      "The values are not specified for all properties in the entity.");
    check_keys(*sent.partition_key, *sent.row_key, c.mode);
    c.allowed.require_keys(*sent.partition_key, *sent.row_key);
    if (c.db.find(table, *sent.partition_key, *sent.row_key))
        throw failure(409, "EntityAlreadyExists", "The specified entity already exists.");
    entity e;
    e.partition_key.text = *sent.partition_key;
    e.row_key.text = *sent.row_key;
    e.properties = std::move(sent.properties);
    const ticks timestamp = store(c, table, std::move(e));

    reply answer = written(204, c, timestamp);
    if (!prefers_no_content(r, answer.headers)) {
        const auto kept = c.db.find(table, *sent.partition_key, *sent.row_key);
        std::string body;
        append_entity(body, c, t.table, *kept, level, {}, c.base_url + "$metadata#" + t.table + "/@Element");
        reply with_body = json_reply(201, std::move(body), level, c.mode);
        std::ranges::move(answer.headers, std::back_inserter(with_body.headers));
        answer = std::move(with_body);
    }
    const std::string url = c.base_url + entity_segment(t.table, *sent.partition_key, *sent.row_key);
    answer.headers.emplace_back("Location", url);
    answer.headers.emplace_back("DataServiceId", url);
    return answer;
}

// Merges the properties that were sent into the stored ones.
std::vector<property> merge(std::vector<property> kept, std::vector<property> sent) {
    for (property& p : sent) {
        const auto old = std::ranges::find(kept, p.name, &property::name);
        if (old == kept.end())
            kept.push_back(std::move(p));
        else
            *old = std::move(p);
    }
    return kept;
}

reply update(const context& c, const request& r, const target& t, bool merges) {
    require_json(r);
    c.allowed.require(find_header(r.headers, "If-Match") ? access::update : access::upsert, t.table);
    check_keys(t.partition_key, t.row_key, c.mode);
    c.allowed.require_keys(t.partition_key, t.row_key);
    const auto table = c.find_table(t.table);
    sent_entity sent = read_entity(r.body, c.mode);
    const bool same_keys = sent.partition_key.value_or(t.partition_key) == t.partition_key
                           && sent.row_key.value_or(t.row_key) == t.row_key;
    if (!same_keys) throw invalid_input("The keys in the URL and in the entity differ.");
    std::optional<record> found; // looked up only where it matters
    if (merges || find_header(r.headers, "If-Match")) found = find_matching(c, table, r, t);
    entity e;
    e.partition_key.text = t.partition_key;
    e.row_key.text = t.row_key;
    e.properties = merges && found ? merge(read_properties(found->properties), std::move(sent.properties))
                                   : std::move(sent.properties);
    return written(204, c, store(c, table, std::move(e)));
}

reply erase(const context& c, const request& r, const target& t) {
    c.allowed.require(access::erase, t.table);
    check_keys(t.partition_key, t.row_key, c.mode);
    c.allowed.require_keys(t.partition_key, t.row_key);
    if (!find_header(r.headers, "If-Match"))
        throw failure(400, "MissingRequiredHeader", "A required HTTP header was not specified.");
    const auto table = c.find_table(t.table);
    find_matching(c, table, r, t);
    c.db.erase(table, t.partition_key, t.row_key);
    reply answer;
    answer.status = 204;
    return answer;
}

bool is_merge(std::string_view method) {
    return method == "MERGE" || method == "PATCH";
}

} // namespace

bool is_entity_write(std::string_view method, const target& t) {
    return t.what == target::kind::entities
               ? method == "POST"
               : t.what == target::kind::entity
                     && (method == "PUT" || method == "DELETE" || is_merge(method));
}

reply write_entity(const context& c, const request& r, std::string_view method, const target& t) {
    if (method == "POST") return insert(c, r, t);
    if (method == "DELETE") return erase(c, r, t);
    return update(c, r, t, is_merge(method));
}

reply get_entity(const context& c, const request& r, const target& t) {
    const metadata level = read_format(r, t);
    c.allowed.require(access::read, t.table);
    c.allowed.require_keys(t.partition_key, t.row_key);
    const auto found = c.db.find(c.find_table(t.table), t.partition_key, t.row_key);
    if (!found) throw resource_not_found();
    std::string body;
    append_entity(body, c, t.table, *found, level, read_select(t),
                  c.base_url + "$metadata#" + t.table + "/@Element");
    reply answer = json_reply(200, std::move(body), level, c.mode);
    answer.headers.emplace_back("ETag", etag(found->timestamp, c.mode));
    return answer;
}

std::vector<std::string> read_select(const target& t) {
    std::vector<std::string> names;
    const std::string* const text = t.parameter("$select");
    if (!text || text->empty()) return names;
    boost::algorithm::split(names, *text, boost::algorithm::is_any_of(","));
    for (std::string& name : names) name = std::string(ascii::trim(name));
    if (std::ranges::find(names, "*") != names.end()) names.clear();
    return names;
}

void append_entity(std::string& out, const context& c, const std::string& table, const record& kept,
                   metadata level, const std::vector<std::string>& selected, std::string_view metadata_url) {
    out.push_back('{');
    const auto append = [&](std::string_view name, std::string_view text) { append_member(out, name, text); };
    if (level != metadata::none) {
        if (!metadata_url.empty()) append("odata.metadata", metadata_url);
        if (level == metadata::full) {
            const std::string segment = entity_segment(table, kept.partition_key, kept.row_key);
            append("odata.type", c.account + "." + table);
            append("odata.id", c.base_url + segment);
            append("odata.etag", etag(kept.timestamp, c.mode));
            append("odata.editLink", segment);
        } else {
            append("odata.etag", etag(kept.timestamp, c.mode));
        }
    }
    const auto wants = [&](std::string_view name) {
        return selected.empty() || std::ranges::find(selected, name) != selected.end();
    };
    if (wants("PartitionKey")) append("PartitionKey", kept.partition_key);
    if (wants("RowKey")) append("RowKey", kept.row_key);
    if (wants("Timestamp")) {
        if (level == metadata::full) append("Timestamp@odata.type", edm_name(edm::date_time));
        append("Timestamp", format_timestamp(kept.timestamp, c.mode));
    }
    if (selected.empty() && level != metadata::none) {
        out.append(kept.properties); // stored in this form
    } else {
        for (const property& p : read_properties(kept.properties)) {
            if (!wants(p.name)) continue;
            append_property(out, p.name, p.value, level, c.mode);
            out.push_back(',');
        }
    }
    if (out.back() == ',') out.pop_back();
    out.push_back('}');
}

} // namespace azkv::emulation
