#include "codec/entity.hpp"
#include "codec/json_text.hpp"
#include "codec/names.hpp"

#include <azkv/error.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
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

/// The members that a read asks for.
class wanted {
public:
    explicit wanted(const projection& select) : names_(select.names().begin(), select.names().end()) {
        std::ranges::sort(names_);
    }

    bool all() const { return names_.empty(); }

    bool has(std::string_view member) const { return all() || std::ranges::binary_search(names_, member); }

private:
    std::vector<std::string_view> names_; // of the projection
};

/// One entity while its members arrive, in any order: an annotation may stand before or behind its property.
/// Its memory is used again for the next one.
class entity_builder {
public:
    using edm_types = std::vector<std::pair<std::string, std::string>>;

    explicit entity_builder(const projection& select) : wanted_(select) {}

    void add(std::string_view name, std::string_view text) {
        constexpr std::string_view annotation = "@odata.type";
        if (name.ends_with(annotation)) {
            name.remove_suffix(annotation.size());
            annotations_.push_back({keep(name), keep(text)});
        } else if (std::string* const column = column_of(name)) {
            column->assign(text);
        } else {
            add(name, json::value(json::string_view(text)));
        }
    }

    void add(std::string_view name, json::value&& v) {
        if (name.starts_with("odata.") || column_of(name)) return;
        has_escapes_ = has_escapes_ || name.find("_x") != name.npos;
        has_parts_ = has_parts_ || read_part_name(name);
        properties_.push_back({keep(name), {}, std::move(v)});
    }

    value release_value() {
        edm_types types;
        return release_value(types);
    }

    entry release_entry() {
        edm_types types;
        value v = release_value(types);
        entry e(unescape_key(partition_key_), unescape_key(key_), std::move(v), etag_, timestamp_,
                std::move(types));
        for (std::string* column : {&partition_key_, &key_, &etag_, &timestamp_}) column->clear();
        return e;
    }

private:
    /// A text in `texts_`.
    class kept {
    public:
        std::size_t at = 0;
        std::size_t size = 0;
    };

    class property {
    public:
        kept name;
        kept type;
        json::value raw;       // null: it has become part of another
        std::size_t parts = 0; // from how many it was joined
    };

    class annotation {
    public:
        kept name;
        kept type;
    };

    class part {
    public:
        part_name name;
        property* holder;
    };

    kept keep(std::string_view text) {
        const std::size_t at = texts_.size();
        texts_.append(text);
        return {at, text.size()};
    }

    std::string_view text(kept k) const { return std::string_view(texts_).substr(k.at, k.size); }

    std::string* column_of(std::string_view name) {
        if (name == "PartitionKey") return &partition_key_;
        if (name == "RowKey") return &key_;
        if (name == "Timestamp") return &timestamp_;
        if (name == "odata.etag") return &etag_;
        return nullptr;
    }

    value release_value(edm_types& types) {
        assign_types();
        if (has_parts_) join_parts();
        if (has_escapes_) unescape_names();
        value v;
        v.reserve(properties_.size());
        for (property& p : properties_) {
            const std::string_view member = text(p.name);
            if (p.raw.is_null() || !wanted_.has(member)) continue;
            const json::value& added =
                v.insert_or_assign(member, p.parts == 0 ? typed_value(std::move(p.raw), text(p.type))
                                                        : joined_value(p, member))
                    .first->value();
            if (p.type.size != 0 && text(p.type) != natural_type(added))
                types.emplace_back(member, text(p.type));
        }
        properties_.clear();
        annotations_.clear();
        texts_.clear();
        has_escapes_ = has_parts_ = false;
        return v;
    }

    void assign_types() {
        std::size_t next = 0; // the annotations mostly come in the order of the properties
        for (const annotation& a : annotations_) {
            for (std::size_t i = 0; i < properties_.size(); ++i) {
                property& p = properties_[(next + i) % properties_.size()];
                if (text(p.name) != text(a.name)) continue;
                p.type = a.type;
                next = (next + i + 1) % properties_.size();
                break;
            }
        }
    }

    // Of parts `1 .. N` of a name that no other property has, the first becomes the whole. All others stay
    // what they are: properties of their own.
    void join_parts() {
        std::vector<part> parts;
        for (property& p : properties_) {
            const bool is_text = p.raw.is_string() && (p.type.size == 0 || text(p.type) == "Edm.String");
            if (const auto name = read_part_name(text(p.name)); name && is_text) parts.push_back({*name, &p});
        }
        std::ranges::sort(parts, {}, [](const part& p) { return std::pair(p.name.base, p.name.number); });
        for (auto first = parts.begin(); first != parts.end();) {
            const std::string_view base = first->name.base;
            const auto last =
                std::find_if(first, parts.end(), [&](const part& p) { return p.name.base != base; });
            const auto count = static_cast<std::size_t>(last - first);
            // In order, without gaps: they begin with 1, end with their count, and no number comes twice.
            const bool whole =
                first->name.number == 1 && std::prev(last)->name.number == count
                && std::adjacent_find(
                       first, last,
                       [](const part& a, const part& b) { return a.name.number == b.name.number; })
                       == last
                && std::ranges::none_of(properties_, [&](const property& p) { return text(p.name) == base; });
            if (whole) join(first, last, count);
            first = last;
        }
    }

    template <class Iterator>
    static void join(Iterator first, Iterator last, std::size_t count) {
        property& whole = *first->holder;
        json::string& text = whole.raw.get_string();
        for (auto p = std::next(first); p != last; ++p) {
            text.append(p->holder->raw.get_string());
            p->holder->raw = nullptr;
        }
        whole.name.size = first->name.base.size();
        whole.parts = count;
    }

    json::value joined_value(property& p, std::string_view member) const {
        if (auto v = parse_member(p.raw.get_string())) return std::move(*v);
        if (!wanted_.all() && p.parts == max_selected_parts)
            throw error(errc::bad_response, "member " + in_quotes(member)
                                                + " may have more parts than a projection asks for; read the "
                                                  "value without one");
        return std::move(p.raw);
    }

    // Two names that others wrote may be one when they are unescaped: then all stay as they are.
    void unescape_names() {
        std::vector<std::string> names;
        names.reserve(properties_.size());
        for (const property& p : properties_) names.push_back(unescape_property(text(p.name)));
        std::vector<std::string_view> sorted;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (!properties_[i].raw.is_null()) sorted.push_back(names[i]);
        std::ranges::sort(sorted);
        if (std::ranges::adjacent_find(sorted) != sorted.end()) return;
        for (std::size_t i = 0; i < names.size(); ++i) properties_[i].name = keep(names[i]);
    }

    wanted wanted_;
    std::string texts_;
    std::vector<property> properties_;
    std::vector<annotation> annotations_;
    bool has_escapes_ = false;
    bool has_parts_ = false;
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

    entity_handler(std::size_t entity_level, const projection& select)
        : builder(select), entity_level_(entity_level), among_entities_(entity_level == 1) {}

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
        if (n == s.size()) return add(std::string_view(s));
        text_.append(s.data(), s.size());
        const bool more = add(std::string_view(text_));
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

    template <class Value>
    bool add(Value&& v) {
        if (in_entity()) builder.add(key_, std::forward<Value>(v));
        return true;
    }

    std::size_t entity_level_;
    std::size_t level_ = 0;
    bool among_entities_;
    std::string key_;
    std::string text_; // the parts of a string or number that came in several
};

// Parses `text` and returns the handler that saw all of it; nullopt if it is not what was expected.
std::optional<entity_handler> try_parse(std::string_view text, std::size_t entity_level,
                                        const projection& select) {
    json::basic_parser<entity_handler> parser(json::parse_options(), entity_level, select);
    error_code ec;
    const std::size_t n = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || n != text.size() || !parser.handler().found) return std::nullopt;
    return std::move(parser.handler());
}

entity_handler parse(std::string_view text, std::size_t entity_level, const projection& select) {
    if (auto done = try_parse(text, entity_level, select)) return std::move(*done);
    // One text cut within an emoji, as JavaScript does, must not make a whole page unreadable.
    if (auto done = try_parse(without_lone_surrogates(text), entity_level, select)) return std::move(*done);
    throw error(errc::bad_response, "the answer is not the JSON of an entity");
}

} // namespace

value decode_entity(std::string_view text, const projection& select) {
    return parse(text, 1, select).builder.release_value();
}

std::vector<entry> decode_page(std::string_view text, const projection& select) {
    return parse(text, 3, select).entries;
}

std::string_view natural_type(const json::value& v) {
    const auto integer = [](std::int64_t i) -> std::string_view {
        return i == static_cast<std::int32_t>(i) ? "Edm.Int32" : "Edm.Int64";
    };
    switch (v.kind()) {
    case json::kind::bool_: return "Edm.Boolean";
    case json::kind::int64: return integer(v.get_int64());
    case json::kind::uint64:
        if (v.get_uint64() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) break;
        return integer(static_cast<std::int64_t>(v.get_uint64()));
    case json::kind::double_: return "Edm.Double";
    default: break;
    }
    return "Edm.String";
}

} // namespace azkv::codec
