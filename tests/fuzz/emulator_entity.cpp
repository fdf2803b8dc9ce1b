#include "codec/utf.hpp"
#include "emulator/entity_json.hpp"
#include "emulator/failure.hpp"
#include "fuzz.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::emulation;

namespace json = boost::json;

namespace {

/// Returns what `f` returns; nullopt if it rejects the input.
template <class F>
auto unless_failure(F f) -> std::optional<decltype(f())> {
    try {
        return f();
    } catch (const failure& why) {
        fuzz::require(why.status() == 400 && *why.code() != '\0' && !why.message().empty(),
                      "a refusal says what is wrong with the request");
        return std::nullopt;
    }
}

// NaN equals NaN, and 0 does not equal -0.
bool identical(const property& a, const property& b) {
    const auto bits = [](const property& p) { return std::bit_cast<std::uint64_t>(p.value.number); };
    const bool is_nan = a.value.number != a.value.number && b.value.number != b.value.number;
    return a.name == b.name && a.value.type == b.value.type && a.value.text == b.value.text
           && a.value.integer == b.value.integer && (is_nan || bits(a) == bits(b));
}

bool identical(const std::vector<property>& a, const std::vector<property>& b) {
    return std::ranges::equal(a, b, [](const property& x, const property& y) { return identical(x, y); });
}

bool is_held(const edm_value& v, const limits& l) {
    constexpr std::int64_t least = std::numeric_limits<std::int32_t>::min(),
                           greatest = std::numeric_limits<std::int32_t>::max();
    switch (v.type) {
    case edm::string: return codec::utf16_length(v.text) <= l.max_text; // npos if it is not UTF-8
    case edm::binary: return v.text.size() <= l.max_binary;
    case edm::guid: return parse_guid(v.text) == v.text;
    case edm::int32: return v.integer >= least && v.integer <= greatest;
    case edm::boolean: return v.integer == 0 || v.integer == 1;
    case edm::date_time: return parse_date_time(format_date_time(v.integer, fraction::seven)) == v.integer;
    case edm::int64:
    case edm::real: return true;
    }
    return false;
}

void check_limits(const sent_entity& sent, service_mode mode) {
    const limits l(mode);
    fuzz::require(sent.properties.size() <= l.max_properties, "the number of properties is within the limit");
    std::set<std::string_view> names{"PartitionKey", "RowKey", "Timestamp"};
    for (const property& p : sent.properties) {
        fuzz::require(names.insert(p.name).second, "a name is unique, and not the service's own");
        fuzz::require(!p.name.empty() && codec::utf16_length(p.name) <= l.max_property_name
                          && p.name.find_first_of("@.'\" \\/") == p.name.npos,
                      "a name is one");
        fuzz::require(is_held(p.value, l), "a value is within the limits of its type");
    }
}

void check_kept(const sent_entity& sent, service_mode mode) {
    const std::string text = write_properties(sent.properties, mode);
    const auto kept = read_properties(text);
    fuzz::require(identical(kept, sent.properties), "the entity is stored as sent");
    fuzz::require(write_properties(kept, mode) == text, "the stored entity is written as sent");
    const auto again = unless_failure([&] { return read_entity("{" + text + "}", mode); });
    fuzz::require(again && identical(again->properties, sent.properties), "a response may be sent back");
}

void check_answer(const property& p, metadata level, service_mode mode) {
    std::string text = "{";
    append_property(text, p.name, p.value, level, mode);
    text.push_back('}');
    boost::system::error_code ec;
    const json::value v = json::parse(text, ec);
    fuzz::require(!ec && v.is_object(), "a response is JSON");
    const json::object& o = v.get_object();
    fuzz::require(o.contains(p.name), "a property has its name");
    const json::value* const type = o.if_contains(p.name + "@odata.type");
    fuzz::require(o.size() == (type ? 2 : 1), "the response has no other member");
    fuzz::require(!type
                      || (level != metadata::none && type->is_string()
                          && edm_named(std::string_view(type->get_string())) == p.value.type),
                  "its type is told where types are");
}

void check_sizes(entity e, service_mode mode) {
    const auto fits = [&] {
        return unless_failure([&] {
                   check_size(e, mode);
                   return true;
               })
            .has_value();
    };
    const bool fitted = fits();
    std::ranges::reverse(e.properties);
    fuzz::require(fits() == fitted, "the size does not depend on the order");
    if (e.properties.empty()) return;
    e.properties.pop_back();
    fuzz::require(!fitted || fits(), "a part of an entity that fits also fits");
}

void check_mode(std::string_view text, service_mode mode, bool& is_entity) {
    const auto sent = unless_failure([&] { return read_entity(text, mode); });
    if (!sent) return;
    is_entity = true;
    check_limits(*sent, mode);
    check_kept(*sent, mode);
    for (const property& p : sent->properties)
        for (const auto level : {metadata::none, metadata::minimal, metadata::full})
            check_answer(p, level, mode);

    entity e;
    e.partition_key.text = sent->partition_key.value_or("");
    e.row_key.text = sent->row_key.value_or("");
    e.properties = sent->properties;
    check_sizes(e, mode);
    const auto& partition_key = e.partition_key.text;
    const auto& row_key = e.row_key.text;
    unless_failure([&] {
        check_keys(partition_key, row_key, mode);
        for (const std::string& key : {partition_key, row_key}) {
            fuzz::require(codec::utf16_length(key) <= limits(mode).max_key, "a key is short enough");
            fuzz::require(key.find_first_of("/\\#?\r\n") == key.npos, "a key has no forbidden characters");
            fuzz::require(text_of_sort_key(sort_key(key)) == key, "a key is kept as it was sent");
        }
        return true;
    });
}

} // namespace

bool fuzz::check(std::string_view input) {
    bool is_entity = false;
    for (const auto mode : {service_mode::storage, service_mode::cosmos}) check_mode(input, mode, is_entity);
    unless_failure([&] { return read_table_name(input); });
    return is_entity;
}
