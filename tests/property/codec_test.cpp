// Every value survives storing, in both modes: through the codec, and through the service's changes to an
// entity. A failure is printed with the seed that repeats it and a small value that also fails.
//
//   AZKV_PROPERTY_VALUES    how many values (200,000)
//   AZKV_PROPERTY_SEED      of an earlier run, to repeat it

#include "codec/entity.hpp"
#include "codec/json_text.hpp"
#include "codec/names.hpp"
#include "codec/utf.hpp"
#include "support/generated_values.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::codec;
using namespace azkv::test;
namespace json = boost::json;

namespace {

// A name that Cosmos DB drops, rejects or reserves.
bool is_name_of_cosmos(std::string_view name) {
    std::string lower(name);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto is_one_of = [](std::string_view text, std::initializer_list<std::string_view> all) {
        return std::ranges::find(all, text) != all.end();
    };
    return is_one_of(lower, {"id", "rid", "etag", "resourceid"})
           || is_one_of(name, {"ttl", "_ts", "_etag", "_rid", "_self", "_attachments", "_ttl"});
}

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::uint64_t run_seed() {
    static const std::uint64_t seed = setting("AZKV_PROPERTY_SEED", std::random_device()());
    return seed;
}

/// A member of an entity, in its wire form: texts, so that no digit of a number changes.
class wire_member {
public:
    std::string name;
    std::string text;
};

std::vector<wire_member> split(std::string_view entity) {
    std::vector<wire_member> members;
    entity.remove_prefix(1);
    while (entity != "}") {
        if (entity.starts_with(',')) entity.remove_prefix(1);
        const auto take_until = [&](char stop) {
            bool in_string = false;
            std::size_t n = 0;
            while (in_string || (entity[n] != stop && entity[n] != '}')) {
                if (entity[n] == '"') in_string = !in_string;
                n += json_character(entity.substr(n));
            }
            const std::string taken(entity.substr(0, n));
            entity.remove_prefix(n);
            return taken;
        };
        wire_member m;
        m.name = take_until(':');
        entity.remove_prefix(1);
        m.text = take_until(',');
        members.push_back(std::move(m));
    }
    return members;
}

// The entity as a service returns it: with columns of its own, without redundant annotations, and in another
// order.
std::string echo(std::string_view entity, std::mt19937_64& random) {
    std::vector<wire_member> members = split(entity);
    std::erase_if(members, [](const wire_member& m) { return m.text == R"("Edm.Double")"; });
    for (std::size_t i = 0, n = members.size(); i < n; ++i) {
        const std::string& text = members[i].text;
        if (text == R"("NaN")" || text == R"("Infinity")" || text == R"("-Infinity")") {
            std::string name = members[i].name;
            name.insert(name.size() - 1, "@odata.type");
            if (contains(entity, name)) members.push_back({name, R"("Edm.Double")"});
        }
    }
    members.push_back({R"("odata.metadata")", R"("http://x/$metadata#t/@Element")"});
    members.push_back({R"("odata.etag")", R"("W/\"datetime'2026-01-02T03%3A04%3A05Z'\"")"});
    members.push_back({R"("Timestamp")", R"("2026-01-02T03:04:05Z")"});
    std::ranges::shuffle(members, random);
    std::string out = "{";
    for (const wire_member& m : members) {
        if (out.size() > 1) out.push_back(',');
        out.append(m.name).append(":").append(m.text);
    }
    return out.append("}");
}

// The entity with only the columns of a `$select` list.
std::string only(std::string_view entity, const std::string& list) {
    const std::string columns = ',' + list + ',';
    std::string out = "{";
    for (const wire_member& m : split(entity)) {
        std::string name = std::string(json::parse(m.name).as_string());
        if (name.ends_with("@odata.type")) name.resize(name.size() - 11);
        if (!contains(columns, ',' + name + ',')) continue;
        if (out.size() > 1) out.push_back(',');
        out.append(m.name).append(":").append(m.text);
    }
    return out.append("}");
}

// Returns why the service would reject the entity, by its rules, applied to the wire form. Empty if it
// accepts.
std::string objection(const std::string& entity, service_mode mode) {
    if (!std::ranges::all_of(entity, [](char c) { return c >= 0x20 && c < 0x7F; }))
        return "not one line of ASCII";
    const json::object o = json::parse(entity).as_object();
    std::size_t properties = 0, size = 4;
    for (const auto& m : o) {
        const std::string_view name = m.key();
        if (name.ends_with("@odata.type")) continue;
        const std::size_t text = m.value().is_string() ? utf16_length(m.value().get_string()) : 0;
        if (name == "PartitionKey" || name == "RowKey") {
            size += 2 * text;
            continue;
        }
        ++properties;
        const json::value* const type = o.if_contains(std::string(name) + "@odata.type");
        size += 8 + 2 * utf16_length(name)
                + (m.value().is_bool()     ? 1
                   : type                  ? 8
                   : m.value().is_string() ? 4 + 2 * text
                                           : 4);
        if (name == "Timestamp" || (name[0] >= '0' && name[0] <= '9')) return "name " + std::string(name);
        if (mode == service_mode::cosmos && is_name_of_cosmos(name)) return "name " + std::string(name);
        for (const char c : name)
            if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c))
                && c != '_')
                return "name " + std::string(name);
        if (utf16_length(name) > 255) return "the name is too long";
        if (mode == service_mode::storage && text > 32'768)
            return std::to_string(text) + " units in " + std::string(name);
        if (m.value().is_int64() && m.value().get_int64() != static_cast<std::int32_t>(m.value().get_int64()))
            return "integer " + std::string(name);
        if (m.value().is_structured() || m.value().is_null() || m.value().is_uint64())
            return "type of " + std::string(name);
        if (m.value().is_double() && !type) return "unannotated double " + std::string(name);
    }
    if (properties > 252) return std::to_string(properties) + " properties";
    if (mode == service_mode::storage && size > 1'048'576) return std::to_string(size) + " bytes";
    if (mode == service_mode::cosmos && entity.size() > 2'000'000)
        return std::to_string(entity.size()) + " bytes";
    return {};
}

// Returns what differs in the restored value; empty if nothing.
std::string difference(const value& v, service_mode mode, std::uint64_t seed) {
    try {
        const std::string entity = encode_entity(entity_key("p", "k"), v, mode);
        if (std::string why = objection(entity, mode); !why.empty())
            return "the service would not take it: " + why;
        std::mt19937_64 random(seed);
        const std::string answer = echo(entity, random);
        const value read = decode_entity(answer, expected_keys("p", "k"));
        if (!identical(read, v)) return "came back as " + serialize_value(read);
        const auto page = decode_page(R"({"value":[{"PartitionKey":"","RowKey":""},)" + answer + "]}");
        if (page.size() != 2 || !identical(page[1].value(), v) || page[1].key() != "k")
            return "not so in a page";
        for (const auto& m : v) {
            const projection wish = select(std::string(m.key()));
            const value one = decode_entity(only(answer, select_list(wish, mode, false)),
                                            expected_keys("p", "k"), wish, columns::selected);
            value expected;
            expected[m.key()] = m.value();
            if (!identical(one, expected)) return "select gives " + serialize_value(one);
            if (v.size() > 8) break;
        }
    } catch (const std::exception& e) {
        return e.what();
    }
    return {};
}

} // namespace

TEST_CASE("every value is restored in both modes") {
    const std::uint64_t count = setting("AZKV_PROPERTY_VALUES", 200'000);
    const std::string settings = "AZKV_PROPERTY_SEED=" + std::to_string(run_seed());
    MESSAGE(settings);
    std::mt19937_64 seeds(run_seed());
    std::size_t members = 0, large = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t seed = seeds();
        const value v = value_generator(seed).make();
        members += v.size();
        for (const service_mode mode : {service_mode::storage, service_mode::cosmos}) {
            const std::string wrong = difference(v, mode, seed);
            if (wrong.empty()) continue;
            const value small = shrink(v, [&](const value& w) { return !difference(w, mode, seed).empty(); });
            const std::string report = "value " + std::to_string(i)
                                       + (mode == service_mode::storage ? " (storage): " : " (cosmos): ")
                                       + serialize_value(small) + '\n'
                                       + difference(small, mode, seed).substr(0, 2000);
            FAIL(report);
        }
        large += serialize_value(v).size() > 32'768;
    }
    CHECK(members > count); // the generator produces members
    if (count >= 20'000) CHECK(large > count / 1000);
}

TEST_CASE("every key and every name is restored and no two become one") {
    const std::uint64_t count = setting("AZKV_PROPERTY_VALUES", 200'000);
    std::mt19937_64 seeds(run_seed());
    std::map<std::string, std::string> keys, names;
    for (std::uint64_t i = 0; i < count; ++i) {
        value_generator make(seeds());
        const std::string key = make.text();
        const std::string name = make.name();
        CAPTURE(key);
        CAPTURE(name);
        const std::string row = escape_key(key, service_mode::storage);
        REQUIRE(unescape_key(row) == key);
        REQUIRE(keys.emplace(row, key).first->second == key);
        if (!key.empty()) REQUIRE(escape_key(key, service_mode::cosmos) == row);
        for (const service_mode mode : {service_mode::storage, service_mode::cosmos}) {
            const std::string property = escape_property(name, mode);
            REQUIRE(unescape_property(property) == name);
            REQUIRE(names.emplace(property, name).first->second == name);
            REQUIRE_FALSE(read_part_name(property));
        }
    }
}
