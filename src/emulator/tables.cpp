#include "emulator/tables.hpp"

#include "codec/json_text.hpp"
#include "codec/utf.hpp"
#include "emulator/failure.hpp"
#include "emulator/queries.hpp"
#include "support/ascii.hpp"
#include "support/base64.hpp"

#include <algorithm>

namespace azkv::emulation {

namespace {

void check_table_name(std::string_view name, service_mode mode) {
    const limits l(mode);
    const auto invalid = [] {
        return failure(400, "InvalidResourceName", "The specifed resource name contains invalid characters.");
    };
    const std::size_t units = codec::utf16_length(name);
    if (mode == service_mode::cosmos) {
        const auto control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
        // Names with parentheses, and names of the service itself, would be ambiguous in URLs.
        const bool unreachable =
            name.find_first_of("()") != name.npos || name == "Tables" || name == "$batch";
        if (name.find_first_of("/\\#?") != name.npos || name.ends_with(' ') || units == name.npos
            || std::ranges::any_of(name, control) || unreachable)
            throw invalid();
    } else {
        const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        const auto digit = [](char c) { return c >= '0' && c <= '9'; };
        const bool ordinary = std::ranges::all_of(name, [&](char c) { return letter(c) || digit(c); })
                              && !name.empty() && letter(name.front());
        if (!ordinary || ascii::is_equal(name, "tables")) throw invalid();
    }
    if (units < l.min_table_name || units > l.max_table_name)
        throw failure(400, "OutOfRangeInput",
                      "The specified resource name length is not within the permissible limits.");
}

void append_table(std::string& out, const context& c, const std::string& name, metadata level,
                  std::string_view metadata_url) {
    out.push_back('{');
    const auto append = [&](std::string_view member, std::string_view text) {
        append_member(out, member, text);
    };
    const bool cosmos = c.mode == service_mode::cosmos;
    const bool has_url = level != metadata::none && !metadata_url.empty();
    if (has_url && !cosmos) append("odata.metadata", metadata_url);
    if (level == metadata::full) {
        append("odata.type", c.account + ".Tables");
        const std::string segment = table_segment(name);
        append("odata.id", c.base_url + segment);
        append("odata.editLink", segment);
    }
    append("TableName", name);
    if (has_url && cosmos) append("odata.metadata", metadata_url);
    out.back() = '}';
}

constexpr std::string_view place_begin = "+RID:~", place_end = "#RT:1";

// Returns where the next page begins, in the form of each service; that of Cosmos DB has to be escaped.
std::string write_place(std::string_view name, service_mode mode) {
    if (mode == service_mode::storage) return write_token(name);
    return std::string(place_begin).append(support::encode_base64(name)).append(place_end);
}

std::string read_place(std::string_view text, service_mode mode) {
    if (mode == service_mode::storage) return read_token(text);
    auto name = support::decode_base64(text.substr(0, text.find('#')).substr(text.find('~') + 1));
    if (!name || write_place(*name, mode) != text) throw invalid_input();
    return std::move(*name);
}

} // namespace

reply query_tables(const context& c, const request& r, const target& t) {
    const metadata level = read_format(r, t);
    c.allowed.require(access::list_tables, {});
    const filter condition = read_filter(c, t);
    const std::size_t top = read_top(c, t);
    const std::string* const next = t.parameter("NextTableName");
    std::string rows;
    std::size_t taken = 0;
    headers continuation;
    // One more than a page may have; all tables if a filter may exclude some.
    for (std::string& name :
         c.db.tables(next ? read_place(*next, c.mode) : "", t.parameter("$filter") ? SIZE_MAX : top + 1)) {
        if (top == 0) break; // as for entities
        if (taken == top) {
            continuation.emplace_back("x-ms-continuation-NextTableName", write_place(name, c.mode));
            break;
        }
        entity e;
        e.properties.push_back({"TableName", edm_value(edm::string, name)});
        if (!condition.matches(e)) continue;
        if (!rows.empty()) rows.push_back(',');
        append_table(rows, c, name, level, {});
        ++taken;
    }
    std::string body =
        list_body(rows, level == metadata::none ? "" : c.base_url + "$metadata#Tables", c.mode);
    reply answer = json_reply(200, std::move(body), level, c.mode);
    std::ranges::move(continuation, std::back_inserter(answer.headers));
    return answer;
}

reply get_table(const context& c, const request& r, const target& t) {
    const metadata level = read_format(r, t);
    c.allowed.require(access::list_tables, {});
    if (!c.db.find_table(t.table, c.case_sensitive())) throw resource_not_found();
    std::string body;
    append_table(body, c, t.table, level, c.base_url + "$metadata#Tables/@Element");
    return json_reply(200, std::move(body), level, c.mode);
}

reply create_table(const context& c, const request& r, const target& t) {
    const metadata level = read_format(r, t);
    require_json(r);
    c.allowed.require(access::create_table, {});
    const std::string name = read_table_name(r.body);
    check_table_name(name, c.mode);
    if (c.deleted && c.deleted->has(name, c.now))
        throw failure(409, "TableBeingDeleted", "The specified table is being deleted. Try operation later.");
    if (!c.db.create_table(name, c.case_sensitive()))
        throw failure(409, "TableAlreadyExists",
                      c.mode == service_mode::storage ? "The table specified already exists."
                                                      : "The specified table already exists.");
    reply answer;
    headers applied;
    if (prefers_no_content(r, applied)) {
        answer.status = 204;
    } else {
        std::string body;
        append_table(body, c, name, level, c.base_url + "$metadata#Tables/@Element");
        answer = json_reply(201, std::move(body), level, c.mode);
    }
    std::ranges::move(applied, std::back_inserter(answer.headers));
    if (c.mode == service_mode::cosmos) answer.headers.emplace_back("ETag", etag(c.next_timestamp(), c.mode));
    add_location(answer, c, table_segment(name));
    return answer;
}

reply delete_table(const context& c, const target& t) {
    c.allowed.require(access::delete_table, {});
    const auto table = c.db.find_table(t.table, c.case_sensitive());
    if (!table) throw resource_not_found();
    c.db.delete_table(*table);
    if (c.deleted && c.mode == service_mode::storage) c.deleted->add(t.table, c.now);
    reply answer;
    answer.status = 204;
    return answer;
}

} // namespace azkv::emulation
