#include "emulator/entities.hpp"

#include "emulator/entity_response.hpp"
#include "emulator/failure.hpp"

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

failure no_keys(service_mode mode) {
    return failure(400, "PropertiesNeedValue",
                   mode == service_mode::cosmos
                       ? "PartitionKey/RowKey cannot be empty"
                       : "The values are not specified for all properties in the entity.");
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

// Inserts the keys among the properties, each behind as many of them as given. The row's place is not before
// the partition's unless it was sent so.
std::vector<property> with_keys(std::vector<property> properties, const target& t,
                                std::size_t partition_place, std::size_t row_place) {
    const auto insert_key = [&](std::size_t place, const char* name, const std::string& text) {
        properties.insert(properties.begin() + static_cast<std::ptrdiff_t>(place),
                          {name, edm_value(edm::string, text)});
    };
    const bool row_first = row_place < partition_place;
    if (row_first) insert_key(partition_place, "PartitionKey", t.partition_key);
    insert_key(row_place, "RowKey", t.row_key);
    if (!row_first) insert_key(partition_place, "PartitionKey", t.partition_key);
    return properties;
}

// Stores an entity with the keys in the target.
ticks store(const context& c, storage::table_id table, const target& t, std::vector<property> properties) {
    // That of a write with empty keys in its URL is not known; it is taken for that of an insert.
    if (c.mode == service_mode::cosmos && (t.partition_key.empty() || t.row_key.empty()))
        throw no_keys(c.mode);
    entity e;
    e.partition_key.text = t.partition_key;
    e.row_key.text = t.row_key;
    e.properties = std::move(properties);
    check_size(e, c.mode);
    record kept;
    kept.partition_key = std::move(e.partition_key.text);
    kept.row_key = std::move(e.row_key.text);
    kept.timestamp = c.next_timestamp();
    kept.properties = write_properties(e.properties, c.mode);
    c.db.put(table, kept);
    return kept.timestamp;
}

// Cosmos DB keeps the members of an insert in the order in which they were sent, the keys among them.
std::vector<property> inserted(sent_entity&& sent, const context& c, const target& t) {
    if (c.mode == service_mode::storage) return std::move(sent.properties);
    return with_keys(std::move(sent.properties), t, sent.partition_key_place, sent.row_key_place);
}

// Otherwise Table Storage sorts the properties, and Cosmos DB begins with the keys.
std::vector<property> replaced(std::vector<property> properties, const context& c, const target& t) {
    if (c.mode == service_mode::cosmos) return with_keys(std::move(properties), t, 0, 0);
    if (!std::ranges::is_sorted(properties, {}, &property::name))
        std::ranges::sort(properties, {}, &property::name);
    return properties;
}

reply insert(const context& c, const request& r, const target& where) {
    const metadata level = read_format(r, where);
    require_json(r);
    c.allowed.require(access::insert, where.table);
    const auto table = c.find_table(where.table);
    sent_entity sent = read_entity(r.body, c.mode);
    if (!sent.partition_key || !sent.row_key) throw no_keys(c.mode);
    target t = where;
    t.partition_key = *sent.partition_key;
    t.row_key = *sent.row_key;
    check_keys(t.partition_key, t.row_key, c.mode);
    c.allowed.require_keys(t.partition_key, t.row_key);
    if (c.db.find(table, t.partition_key, t.row_key))
        throw failure(409, "EntityAlreadyExists", "The specified entity already exists.");
    const ticks timestamp = store(c, table, t, inserted(std::move(sent), c, t));

    reply answer = written(204, c, timestamp);
    if (!prefers_no_content(r, answer.headers)) {
        const auto kept = c.db.find(table, t.partition_key, t.row_key);
        std::string body;
        append_entity(body, c, t.table, *kept, level, {}, entity_metadata_url(c, t));
        reply with_body = json_reply(201, std::move(body), level, c.mode);
        std::ranges::move(answer.headers, std::back_inserter(with_body.headers));
        answer = std::move(with_body);
    }
    add_location(answer, c, entity_segment(t.table, t.partition_key, t.row_key, c.mode));
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
    // In Table Storage the keys in the URL count, whatever the body has.
    const bool same_keys = sent.partition_key.value_or(t.partition_key) == t.partition_key
                           && sent.row_key.value_or(t.row_key) == t.row_key;
    if (c.mode == service_mode::cosmos && !same_keys)
        throw invalid_input("One of the input values is invalid.");
    std::optional<record> found; // looked up only where it matters
    if (merges || find_header(r.headers, "If-Match")) found = find_matching(c, table, r, t);
    std::vector<property> properties = std::move(sent.properties);
    if (merges && found) properties = merge(read_properties(found->properties), std::move(properties));
    const bool has_keys = merges && found && c.mode == service_mode::cosmos;
    if (!has_keys) properties = replaced(std::move(properties), c, t);
    return written(204, c, store(c, table, t, std::move(properties)));
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
    append_entity(body, c, t.table, *found, level, read_select(t), entity_metadata_url(c, t));
    reply answer = json_reply(200, std::move(body), level, c.mode);
    answer.headers.emplace_back("ETag", etag(found->timestamp, c.mode));
    return answer;
}

} // namespace azkv::emulation
