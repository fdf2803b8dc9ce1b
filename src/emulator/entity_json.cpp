#include "emulator/entity_json.hpp"

#include "codec/json_text.hpp"
#include "codec/utf.hpp"
#include "emulator/failure.hpp"
#include "support/base64.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/string_view.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace azkv::emulation {

namespace json = boost::json;
using boost::system::error_code;

namespace {

constexpr std::string_view type_annotation = "@odata.type";

/// A scalar as written in JSON.
class scalar {
public:
    enum class kind { null, boolean, number, text };

    kind what = kind::null;
    bool truth = false;
    std::string text; // of a string, or of a number
};

class member {
public:
    std::string name;
    scalar value;
};

/// Parses a JSON object of scalars.
class flat_object {
public:
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();

    std::vector<member> members;

    bool on_document_begin(error_code&) { return true; }

    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code& ec) {
        if (open_) return nested(ec);
        open_ = true;
        return true;
    }

    bool on_object_end(std::size_t, error_code&) { return true; }

    bool on_array_begin(error_code& ec) { return nested(ec); }

    bool on_array_end(std::size_t, error_code&) { return true; }

    bool on_key_part(json::string_view s, std::size_t, error_code&) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool on_key(json::string_view s, std::size_t, error_code&) {
        text_.append(s.data(), s.size());
        members.emplace_back().name = std::exchange(text_, {});
        return true;
    }

    bool on_string_part(json::string_view s, std::size_t, error_code&) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool on_string(json::string_view s, std::size_t, error_code& ec) {
        text_.append(s.data(), s.size());
        return take(scalar::kind::text, ec);
    }

    bool on_number_part(json::string_view s, error_code&) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool on_int64(std::int64_t, json::string_view s, error_code& ec) { return number(s, ec); }

    bool on_uint64(std::uint64_t, json::string_view s, error_code& ec) { return number(s, ec); }

    bool on_double(double, json::string_view s, error_code& ec) { return number(s, ec); }

    bool on_bool(bool b, error_code& ec) {
        if (!take(scalar::kind::boolean, ec)) return false;
        members.back().value.truth = b;
        return true;
    }

    bool on_null(error_code& ec) { return take(scalar::kind::null, ec); }

    bool on_comment_part(json::string_view, error_code&) { return true; }

    bool on_comment(json::string_view, error_code&) { return true; }

private:
    static bool nested(error_code& ec) {
        ec = json::error::syntax;
        return false;
    }

    bool number(json::string_view s, error_code& ec) {
        text_.append(s.data(), s.size());
        return take(scalar::kind::number, ec);
    }

    bool take(scalar::kind what, error_code& ec) {
        if (!open_) return nested(ec); // the text is a scalar itself
        members.back().value.what = what;
        members.back().value.text = std::exchange(text_, {});
        return true;
    }

    bool open_ = false;
    std::string text_;
};

std::vector<member> read_members(std::string_view text) {
    json::basic_parser<flat_object> parser{json::parse_options()};
    error_code ec;
    const std::size_t n = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || n != text.size()) throw invalid_input();
    return std::move(parser.handler().members);
}

[[noreturn]] void refuse_value(std::string_view name, std::string_view why) {
    throw invalid_input("One of the request inputs is not valid. The property '" + std::string(name) + "' "
                        + std::string(why) + ".");
}

std::optional<std::int64_t> read_integer(std::string_view text) {
    std::int64_t i = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), i);
    if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return i;
}

std::optional<edm_value> read_int32(std::string_view text) {
    const auto i = read_integer(text);
    if (!i || *i < std::numeric_limits<std::int32_t>::min() || *i > std::numeric_limits<std::int32_t>::max())
        return std::nullopt;
    return edm_value(edm::int32, *i);
}

std::optional<edm_value> read_double(std::string_view text) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text == "NaN") return edm_value(std::numeric_limits<double>::quiet_NaN());
    if (text == "Infinity") return edm_value(infinity);
    if (text == "-Infinity") return edm_value(-infinity);
    if (!is_decimal(text)) return std::nullopt;
    const auto d = codec::finite_double(text);
    return d ? std::optional<edm_value>(*d) : std::nullopt;
}

std::optional<edm_value> read_boolean(std::string_view text) {
    if (text != "true" && text != "false") return std::nullopt;
    return edm_value(edm::boolean, std::int64_t(text == "true"));
}

// With its type a value may be a JSON text even where JSON has a form of its own for it: "3.25" is an
// Edm.Double.
std::optional<edm_value> read_typed(edm type, const scalar& s) {
    const bool is_text = s.what == scalar::kind::text, is_number = s.what == scalar::kind::number;
    if (type == edm::int32 || type == edm::real) {
        if (!is_text && !is_number) return std::nullopt;
        return type == edm::int32 ? read_int32(s.text) : read_double(s.text);
    }
    if (type == edm::boolean && s.what == scalar::kind::boolean)
        return edm_value(edm::boolean, std::int64_t(s.truth));
    if (!is_text) return std::nullopt;
    const auto with_text = [type](std::optional<std::string> text) {
        return text ? std::optional(edm_value(type, std::move(*text))) : std::nullopt;
    };
    const auto with_integer = [type](std::optional<std::int64_t> i) {
        return i ? std::optional(edm_value(type, *i)) : std::nullopt;
    };
    switch (type) {
    case edm::boolean: return read_boolean(s.text);
    case edm::int64: return with_integer(read_integer(s.text));
    case edm::date_time: return with_integer(parse_date_time(s.text));
    case edm::guid: return with_text(parse_guid(s.text));
    case edm::binary: return with_text(support::decode_base64(s.text));
    default: return edm_value(edm::string, s.text);
    }
}

std::optional<edm_value> read_untyped(const scalar& s) {
    if (s.what == scalar::kind::text) return edm_value(edm::string, s.text);
    if (s.what == scalar::kind::boolean) return read_typed(edm::boolean, s);
    return s.text.find_first_of(".eE") == s.text.npos ? read_int32(s.text) : read_double(s.text);
}

void check_name(std::string_view name, service_mode mode) {
    const limits l(mode);
    if (codec::utf16_length(name) > l.max_property_name)
        throw failure(400, "PropertyNameTooLong",
                      "The property name exceeds the maximum allowed length (255).");
    constexpr std::array<std::string_view, 4> reserved{"id", "ID", "rid", "ResourceId"};
    const bool taken = mode == service_mode::cosmos && std::ranges::find(reserved, name) != reserved.end();
    if (taken || !is_identifier(name))
        throw failure(400, "PropertyNameInvalid", "The property name is invalid.");
}

void check_value(const edm_value& v, service_mode mode) {
    const limits l(mode);
    const bool too_large = (v.type == edm::string && codec::utf16_length(v.text) > l.max_text)
                           || (v.type == edm::binary && v.text.size() > l.max_binary);
    if (too_large)
        throw failure(
            400, "PropertyValueTooLarge",
            "The property value exceeds the maximum allowed size (64KB). If the property value is a "
            "string, it is UTF-16 encoded and the maximum number of characters should be 32K or "
            "less.");
}

failure too_many_properties() {
    return failure(400, "TooManyProperties",
                   "The entity contains more properties than allowed. Each entity can include up to 252 "
                   "properties to store data. Each entity also has 3 system properties.");
}

failure entity_too_large() {
    return failure(400, "EntityTooLarge", "The entity is larger than the maximum allowed size.");
}

void check_key(std::string_view key, std::size_t max_units, std::size_t max_bytes) {
    const std::size_t units = codec::utf16_length(key);
    if (units == key.npos || units > max_units || key.size() > max_bytes) throw invalid_input();
    while (!key.empty()) {
        const char32_t c = codec::next_code_point(key);
        if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == '/' || c == '\\' || c == '#' || c == '?')
            throw failure(
                400, "OutOfRangeInput",
                "One of the request inputs is out of range: a key has a character that none can have.");
    }
}

std::string read_key(const member& m) {
    if (m.value.what != scalar::kind::text) refuse_value(m.name, "must be a string");
    return m.value.text;
}

} // namespace

// Names are C# identifiers. Beyond ASCII, rejects only what certainly is neither a letter nor a digit.
bool is_identifier(std::string_view name) {
    bool first = true;
    while (!name.empty()) {
        const char32_t c = codec::next_code_point(name);
        const bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9' && !first;
        const bool foreign = c >= 0xAA && c < 0xD800 && c != 0xD7 && c != 0xF7
                             && !(c >= 0x2000 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x3004)
                             && !(c >= 0x3008 && c <= 0x3020);
        if (!letter && !digit && !foreign) return false;
        first = false;
    }
    return !first;
}

sent_entity read_entity(std::string_view text, service_mode mode) {
    std::vector<member> members = read_members(text);
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const member& m : members) names.push_back(m.name);
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) != names.end())
        throw failure(400, "DuplicatePropertiesSpecified", "A property is specified more than one time.");

    sent_entity e;
    const auto type_of = [&](std::string_view name) -> std::optional<edm> {
        if (!std::ranges::binary_search(names, std::string(name).append(type_annotation)))
            return std::nullopt;
        const auto annotation = std::ranges::find_if(members, [&](const member& m) {
            return m.name.size() == name.size() + type_annotation.size() && m.name.starts_with(name)
                   && m.name.ends_with(type_annotation);
        });
        const auto type = edm_named(annotation->value.text);
        if (!type) refuse_value(name, "has an unknown type");
        return type;
    };
    for (const member& m : members) {
        // Cosmos DB takes `Etag` and forgets it, but keeps `etag`.
        const bool of_the_service = m.name.starts_with("odata.") || m.name.find('@') != m.name.npos
                                    || m.name == "Timestamp"
                                    || (mode == service_mode::cosmos && m.name == "Etag");
        if (of_the_service) continue;
        if (m.name == "PartitionKey") {
            if (m.value.what != scalar::kind::null) e.partition_key = read_key(m);
            e.partition_key_place = e.properties.size();
        } else if (m.name == "RowKey") {
            if (m.value.what != scalar::kind::null) e.row_key = read_key(m);
            e.row_key_place = e.properties.size();
        } else {
            check_name(m.name, mode);
            if (m.value.what == scalar::kind::null) continue; // like an absent member
            if (e.properties.size() == limits(mode).max_properties) throw too_many_properties();
            const auto type = type_of(m.name);
            auto value = type ? read_typed(*type, m.value) : read_untyped(m.value);
            if (!value) refuse_value(m.name, "has a value that is not of its type");
            check_value(*value, mode);
            e.properties.push_back({m.name, std::move(*value)});
        }
    }
    return e;
}

void check_keys(std::string_view partition_key, std::string_view row_key, service_mode mode) {
    const limits l(mode);
    check_key(partition_key, l.max_key, l.max_partition_key_bytes);
    check_key(row_key, l.max_key, l.max_row_key_bytes);
}

void check_size(const entity& e, service_mode mode) {
    const limits l(mode);
    if (e.properties.size() > l.max_properties) throw too_many_properties();
    if (mode == service_mode::cosmos) { // where it is a JSON document
        const std::size_t size =
            e.partition_key.text.size() + e.row_key.text.size() + write_properties(e.properties, mode).size();
        if (size > l.max_entity_bytes) throw entity_too_large();
        return;
    }
    const auto text_size = [](std::string_view text) { return 2 * codec::utf16_length(text); };
    std::size_t size = 4 + text_size(e.partition_key.text) + text_size(e.row_key.text);
    for (const property& p : e.properties) {
        size += 8 + text_size(p.name);
        switch (p.value.type) {
        case edm::string: size += text_size(p.value.text) + 4; break;
        case edm::binary: size += p.value.text.size() + 4; break;
        case edm::guid: size += 16; break;
        case edm::int32: size += 4; break;
        case edm::boolean: size += 1; break;
        case edm::int64:
        case edm::real:
        case edm::date_time: size += 8; break;
        }
    }
    if (size > l.max_entity_bytes) throw entity_too_large();
}

void append_property(std::string& out, std::string_view name, const edm_value& v, metadata level,
                     service_mode mode) {
    const bool finite = v.type != edm::real || std::isfinite(v.number);
    const bool evident = v.type == edm::string || v.type == edm::boolean || v.type == edm::int32
                         || (v.type == edm::real && finite);
    if (level != metadata::none && !evident) {
        codec::append_json(out, std::string(name).append(type_annotation));
        out.append(":\"").append(edm_name(v.type)).append("\",");
    }
    codec::append_json(out, name);
    out.push_back(':');
    switch (v.type) {
    case edm::string: codec::append_json(out, v.text); break;
    case edm::int32: out.append(std::to_string(v.integer)); break;
    case edm::int64: out.append("\"").append(std::to_string(v.integer)).append("\""); break;
    case edm::real: codec::append_double(out, v.number, codec::nonfinite::strings); break;
    case edm::boolean: out.append(v.integer ? "true" : "false"); break;
    case edm::date_time:
        out.append("\"")
            .append(format_date_time(v.integer,
                                     mode == service_mode::storage ? fraction::trimmed : fraction::seven))
            .append("\"");
        break;
    case edm::guid: out.append("\"").append(v.text).append("\""); break;
    case edm::binary: out.append("\"").append(support::encode_base64(v.text)).append("\""); break;
    }
}

std::string write_properties(const std::vector<property>& properties, service_mode mode) {
    std::string text;
    for (const property& p : properties) {
        if (!text.empty()) text.push_back(',');
        append_property(text, p.name, p.value, metadata::minimal, mode);
    }
    return text;
}

std::vector<property> read_properties(std::string_view text) {
    std::vector<property> properties;
    std::string type; // an annotation precedes its property
    for (member& m : read_members("{" + std::string(text) + "}")) {
        if (m.name.ends_with(type_annotation)) {
            type = std::move(m.value.text);
            continue;
        }
        const auto known = edm_named(std::exchange(type, {}));
        auto value = known ? read_typed(*known, m.value) : read_untyped(m.value);
        if (!value)
            throw std::runtime_error("the database contains a property whose value does not match its type");
        properties.push_back({std::move(m.name), std::move(*value)});
    }
    return properties;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
    codec::append_json(out, name);
    out.push_back(':');
    codec::append_json(out, text);
    out.push_back(',');
}

std::string read_table_name(std::string_view text) {
    for (member& m : read_members(text))
        if (m.name == "TableName" && m.value.what == scalar::kind::text) return std::move(m.value.text);
    throw failure(400, "PropertiesNeedValue",
                  "The values are not specified for all properties in the entity.");
}

} // namespace azkv::emulation
