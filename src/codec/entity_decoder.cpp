#include "codec/entity.hpp"
#include "codec/json_text.hpp"
#include "codec/names.hpp"

#include <azkv/error.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

namespace azkv::codec {

namespace json = boost::json;
using boost::system::error_code;

namespace {

// A property as its annotation says. Types that JSON has none for stay the text that the service sends.
json::value typed_value(json::value&& raw, std::string_view edm_type) {
    if (edm_type == "Edm.Double") {
        if (const auto* i = raw.if_int64()) return static_cast<double>(*i);
        if (const auto* u = raw.if_uint64()) return static_cast<double>(*u);
        if (const auto* s = raw.if_string()) {
            if (*s == "NaN") return std::numeric_limits<double>::quiet_NaN();
            if (*s == "Infinity") return std::numeric_limits<double>::infinity();
            if (*s == "-Infinity") return -std::numeric_limits<double>::infinity();
        }
    } else if (edm_type == "Edm.Int64") {
        if (const auto* s = raw.if_string()) {
            std::int64_t i = 0;
            const char* const end = s->data() + s->size();
            const auto result = std::from_chars(s->data(), end, i);
            if (result.ec == std::errc{} && result.ptr == end) return i;
        }
    } else if (edm_type.empty() || edm_type == "Edm.String") {
        if (const auto* s = raw.if_string())
            if (auto value = value_in_text(*s)) return std::move(*value);
    }
    return std::move(raw);
}

/// One entity while its members arrive, in any order: an annotation may stand before or behind its property.
class entity_builder {
public:
    void add(std::string_view name, json::value&& v) {
        constexpr std::string_view annotation = "@odata.type";
        if (name.ends_with(annotation)) {
            name.remove_suffix(annotation.size());
            if (const auto* type = v.if_string()) types_.emplace_back(name, *type);
        } else if (name == "PartitionKey") {
            assign(partition_key_, v);
        } else if (name == "RowKey") {
            assign(key_, v);
        } else if (name == "Timestamp") {
            assign(timestamp_, v);
        } else if (name == "odata.etag") {
            assign(etag_, v);
        } else if (!name.starts_with("odata.")) {
            properties_.emplace_back(name, std::move(v));
        }
    }

    value release_value() {
        value v;
        v.reserve(properties_.size());
        std::size_t next_type = 0; // the annotations mostly come in the order of the properties
        for (auto& [name, raw] : properties_)
            v.insert_or_assign(unescape(name), typed_value(std::move(raw), type_of(name, next_type)));
        properties_.clear();
        types_.clear();
        return v;
    }

    entry release_entry() {
        value v = release_value();
        return entry(unescape(std::exchange(partition_key_, {})), unescape(std::exchange(key_, {})),
                     std::move(v), std::exchange(etag_, {}), std::exchange(timestamp_, {}));
    }

private:
    static void assign(std::string& column, const json::value& v) {
        if (const auto* text = v.if_string()) column.assign(text->data(), text->size());
    }

    std::string_view type_of(std::string_view name, std::size_t& next) const {
        for (std::size_t i = 0; i < types_.size(); ++i) {
            const std::size_t at = (next + i) % types_.size();
            if (types_[at].first == name) {
                next = at + 1;
                return types_[at].second;
            }
        }
        return {};
    }

    std::vector<std::pair<std::string, json::value>> properties_;
    std::vector<std::pair<std::string, std::string>> types_;
    std::string partition_key_, key_, etag_, timestamp_;
};

/// Takes the entities out of a JSON text: the text itself (`entity_level` 1), or the members of the array
/// `value` in it (`entity_level` 3). What else is there is passed over.
class entity_handler {
public:
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();

    explicit entity_handler(std::size_t entity_level)
        : entity_level_(entity_level), among_entities_(entity_level == 1) {}

    bool found = false; // the place where entities stand
    entity_builder builder;
    std::vector<entry> entries;

    bool on_document_begin(error_code&) { return true; }

    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) {
        ++level_;
        if (level_ == 1 && among_entities_) found = true;
        return true;
    }

    bool on_object_end(std::size_t, error_code&) {
        if (level_ == 3 && in_entity()) entries.push_back(builder.release_entry());
        --level_;
        return true;
    }

    bool on_array_begin(error_code&) {
        ++level_;
        if (level_ == 2 && entity_level_ == 3 && key_ == "value") found = among_entities_ = true;
        return true;
    }

    bool on_array_end(std::size_t, error_code&) {
        if (level_ == 2 && entity_level_ == 3) among_entities_ = false;
        --level_;
        return true;
    }

    bool on_key_part(json::string_view s, std::size_t n, error_code&) {
        if (n == s.size()) key_.clear();
        key_.append(s.data(), s.size());
        return true;
    }

    bool on_key(json::string_view s, std::size_t n, error_code& ec) { return on_key_part(s, n, ec); }

    bool on_string_part(json::string_view s, std::size_t, error_code&) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool on_string(json::string_view s, std::size_t n, error_code&) {
        if (n == s.size()) return add(json::value(s));
        text_.append(s.data(), s.size());
        const bool more = add(json::value(json::string_view(text_)));
        text_.clear();
        return more;
    }

    bool on_number_part(json::string_view s, error_code&) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool on_int64(std::int64_t i, json::string_view, error_code&) {
        text_.clear();
        return add(json::value(i));
    }

    bool on_uint64(std::uint64_t u, json::string_view, error_code&) {
        text_.clear();
        return add(json::value(u));
    }

    bool on_double(double, json::string_view s, error_code&) {
        text_.append(s.data(), s.size());
        const double d = exact_double(text_);
        text_.clear();
        return add(json::value(d));
    }

    bool on_bool(bool b, error_code&) { return add(json::value(b)); }

    bool on_null(error_code&) { return true; } // no property

    bool on_comment_part(json::string_view, error_code&) { return true; }

    bool on_comment(json::string_view, error_code&) { return true; }

private:
    bool in_entity() const { return among_entities_ && level_ == entity_level_; }

    bool add(json::value&& v) {
        if (in_entity()) builder.add(key_, std::move(v));
        return true;
    }

    std::size_t entity_level_;
    std::size_t level_ = 0;
    bool among_entities_;
    std::string key_;
    std::string text_; // the parts of a string or number that came in several
};

using entity_parser = json::basic_parser<entity_handler>;

void run(entity_parser& parser, std::string_view text) {
    error_code ec;
    const std::size_t n = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || n != text.size() || !parser.handler().found)
        throw error(errc::bad_response, "the answer is not the JSON of an entity");
}

} // namespace

value decode_entity(std::string_view text) {
    entity_parser parser(json::parse_options(), 1);
    run(parser, text);
    return parser.handler().builder.release_value();
}

std::vector<entry> decode_page(std::string_view text) {
    entity_parser parser(json::parse_options(), 3);
    run(parser, text);
    return std::move(parser.handler().entries);
}

} // namespace azkv::codec
