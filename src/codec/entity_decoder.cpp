#include "codec/entity.hpp"
#include "codec/entry_access.hpp"
#include "codec/json_text.hpp"
#include "codec/names.hpp"
#include "codec/write_marks.hpp"

#include <azkv/error.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/parse_options.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace azkv::codec {

namespace json = boost::json;
using boost::system::error_code;

namespace {

// The service sends at most 1,000 rows, and 255 members with two annotations each. Other peers may send more.
constexpr std::size_t max_rows = 10'000;
constexpr std::size_t max_members = 2'048;

[[noreturn]] void refuse(const char* what) {
    throw error(errc::bad_response, what);
}

[[noreturn]] void refuse_more_than(std::size_t limit, const char* what) {
    throw error(errc::bad_response, "the response has more than " + std::to_string(limit) + ' ' + what);
}

// Applies the type in an annotation that JSON cannot express. Values of types without a JSON equivalent
// remain the text that the service sends.
void apply_type(json::value& v, std::string_view edm_type) {
    if (edm_type == "Edm.Double") {
        if (const auto* i = v.if_int64()) {
            v = static_cast<double>(*i);
        } else if (const auto* u = v.if_uint64()) {
            v = static_cast<double>(*u);
        } else if (const auto* s = v.if_string()) {
            if (*s == "NaN")
                v = std::numeric_limits<double>::quiet_NaN();
            else if (*s == "Infinity")
                v = std::numeric_limits<double>::infinity();
            else if (*s == "-Infinity")
                v = -std::numeric_limits<double>::infinity();
        }
    } else if (edm_type == "Edm.Int64") {
        if (const auto* s = v.if_string()) {
            std::int64_t i = 0;
            const char* const end = s->data() + s->size();
            const auto result = std::from_chars(s->data(), end, i);
            if (result.ec == std::errc{} && result.ptr == end) v = i;
        }
    }
}

/// The members that a read selects.
class selection {
public:
    selection(const projection& select, columns which)
        : which_(which), names_(select.names().begin(), select.names().end()) {
        std::ranges::sort(names_);
    }

    columns which() const { return which_; }

    bool all() const { return names_.empty(); }

    bool has(std::string_view member) const { return all() || std::ranges::binary_search(names_, member); }

private:
    columns which_;
    std::vector<std::string_view> names_; // of the projection
};

/// Members with EDM types that do not follow from their values, sorted.
using edm_types = std::vector<std::pair<std::string, std::string>>;

bool has_type(const edm_types& types, std::string_view name) {
    return std::ranges::binary_search(types, name, {}, &edm_types::value_type::first);
}

/// Properties whose names are not plain member names: joins parts and undoes escapes.
class named_properties {
public:
    /// Takes over the properties. Renames the `types` with them.
    named_properties(value&& stored, edm_types& types, const selection& s, value_quota& quota)
        : types_(types), selected_(s), quota_(quota) {
        for (auto& p : stored) all_.emplace_back(p.key(), std::move(p.value()));
        join_parts();
        unescape_names();
    }

    value release() {
        value v;
        v.reserve(all_.size());
        for (property& p : all_)
            if (selected_.has(p.member))
                v.emplace(p.member, p.parts == 0 ? single_value(p) : joined_value(p));
        std::erase_if(types_, [&](const auto& t) { return !v.contains(t.first); });
        for (const property& p : all_) { // parts are strings, whatever their content
            const json::value* const joined = p.parts != 0 ? v.if_contains(p.member) : nullptr;
            if (joined && natural_type(*joined) != "Edm.String") types_.emplace_back(p.member, "Edm.String");
        }
        return v;
    }

private:
    class property {
    public:
        property(std::string_view stored, json::value&& raw) : member(stored), raw(std::move(raw)) {}

        std::string member; // as stored until unescaped
        json::value raw;
        std::size_t parts = 0; // that it was joined from
    };

    class part {
    public:
        part_name name;
        property* holder;
    };

    using part_iterator = std::vector<part>::iterator;

    // Joins parts `1 .. N` into the first one, unless another property has the name of the whole. Incomplete
    // sequences remain separate properties.
    void join_parts() {
        std::vector<part> parts;
        std::vector<std::string> names;
        for (property& p : all_) {
            names.push_back(p.member);
            const auto name = read_part_name(p.member);
            if (name && p.raw.is_string() && !has_type(types_, p.member)) parts.push_back({*name, &p});
        }
        std::ranges::sort(names);
        std::ranges::sort(parts, {}, [](const part& p) { return std::pair(p.name.base, p.name.number); });
        for (auto first = parts.begin(); first != parts.end();) {
            const auto last = std::find_if(first, parts.end(),
                                           [&](const part& p) { return p.name.base != first->name.base; });
            if (is_complete(first, last) && !std::ranges::binary_search(names, first->name.base))
                join(first, last);
            first = last;
        }
        std::erase_if(all_, [](const property& p) { return p.raw.is_null(); });
    }

    static bool is_complete(part_iterator first, part_iterator last) {
        std::size_t number = 0;
        return std::all_of(first, last, [&](const part& p) { return p.name.number == ++number; });
    }

    static void join(part_iterator first, part_iterator last) {
        property& whole = *first->holder;
        for (auto p = std::next(first); p != last; ++p) {
            whole.raw.get_string().append(p->holder->raw.get_string());
            p->holder->raw = nullptr; // to be erased
        }
        whole.parts = static_cast<std::size_t>(last - first);
        whole.member.resize(first->name.base.size());
    }

    // Two names from another program may be equal after unescaping. In that case no name is changed.
    void unescape_names() {
        std::vector<std::string> members;
        for (const property& p : all_) members.push_back(unescape_property(p.member));
        std::vector<std::string_view> sorted(members.begin(), members.end());
        std::ranges::sort(sorted);
        if (std::ranges::adjacent_find(sorted) != sorted.end()) return;
        for (auto& [name, type] : types_) name = unescape_property(name);
        std::ranges::sort(types_);
        for (std::size_t i = 0; i < members.size(); ++i) all_[i].member = std::move(members[i]);
    }

    json::value single_value(property& p) const {
        if (p.raw.is_string() && !has_type(types_, p.member))
            if (auto v = value_in_text(p.raw.get_string(), &quota_)) return std::move(*v);
        return std::move(p.raw);
    }

    json::value joined_value(property& p) const {
        if (auto v = parse_member(p.raw.get_string(), &quota_)) return std::move(*v);
        if (selected_.which() == columns::selected && p.parts == max_selected_parts)
            throw error(errc::invalid_argument,
                        "member " + in_quotes(p.member)
                            + " may have more parts than a projection selects; read the "
                              "value without a projection");
        return std::move(p.raw);
    }

    std::vector<property> all_;
    edm_types& types_;
    const selection& selected_;
    value_quota& quota_;
};

/// Builds one entity from its members, which arrive in any order: an annotation may come before or after its
/// property. Properties go straight into the final value, so that most entities need little work at the end.
class entity_builder {
public:
    /// `with_columns` keeps the system columns of a row, for entries.
    entity_builder(const expected_keys& keys, const projection& select, columns which, bool with_columns)
        : keys_(keys), selected_(select, which), with_columns_(with_columns) {}

    void add(std::string_view name, std::string_view text) {
        count();
        constexpr std::string_view annotation = "@odata.type";
        if (name.ends_with(annotation)) {
            name.remove_suffix(annotation.size());
            types_.emplace_back(name, text);
        } else if (std::string* const column = column_of(name)) {
            if (column == &partition_key_) check_key(text, keys_.partition, has_partition_key_);
            if (column == &key_) check_key(text, keys_.row, has_key_);
            if (with_columns_) column->assign(text);
        } else if (add_property(name, json::string_view(text)) && may_be_json(text)) {
            json_texts_.push_back(value_.size() - 1);
        }
    }

    template <class Scalar>
    void add(std::string_view name, Scalar scalar) {
        count();
        if (!column_of(name)) add_property(name, scalar);
    }

    value release_value() {
        finish();
        types_.clear();
        return std::move(value_);
    }

    entry release_entry() {
        finish();
        expected_ = value_.size();
        entry e(unescape_key(partition_key_), unescape_key(key_), std::move(value_), etag(std::move(etag_)));
        using access = detail::entry_access;
        access::set_timestamp(e, std::move(timestamp_));
        if (!types_.empty()) access::set_edm_types(e, std::move(types_));
        access::set_partial(e, !selected_.all());
        const bool foreign = is_foreign(e.key(), key_) || is_foreign(e.partition_key(), partition_key_);
        if (foreign || !marks_.empty()) {
            detail::stored_row r;
            r.marks = std::move(marks_);
            if (foreign) r.partition_key = std::move(partition_key_), r.key = std::move(key_);
            access::set_stored(e, std::move(r));
        }
        for (std::string* column : {&partition_key_, &key_, &etag_, &timestamp_, &marks_}) column->clear();
        types_.clear();
        return e;
    }

private:
    void count() {
        if (++members_ > max_members) refuse_more_than(max_members, "members in an entity");
        quota_.take();
    }

    // Returns whether this adds a member.
    template <class Raw>
    bool add_property(std::string_view name, const Raw& raw) {
        if (name.starts_with("odata.")) return false;
        if (value_.empty()) value_.reserve(std::min<std::size_t>(expected_, 32));
        plain_names_ = plain_names_ && is_plain_property(name, service_mode::storage);
        return value_.emplace(name, raw).second;
    }

    std::string* column_of(std::string_view name) {
        if (name == "PartitionKey") return &partition_key_;
        if (name == "RowKey") return &key_;
        if (name == "Timestamp") return &timestamp_;
        if (name == "odata.etag") return &etag_;
        if (name == marks_property) return &marks_;
        return nullptr;
    }

    // Another program wrote a key that looks escaped but is not.
    static bool is_foreign(std::string_view key, std::string_view stored) {
        return key == stored && stored.find("_x") != stored.npos;
    }

    static void check_key(std::string_view got, const std::optional<std::string_view>& expected, bool& has) {
        if (expected && got != *expected) refuse("the response is for another key");
        has = true;
    }

    void finish() {
        if (!has_partition_key_ || !has_key_) refuse("the response contains an entity without its keys");
        has_partition_key_ = has_key_ = false;
        // Keeps only the types that do not follow from the value.
        std::erase_if(types_, [&](const auto& t) {
            json::value* const v = value_.if_contains(t.first);
            if (v) apply_type(*v, t.second);
            return !v || natural_type(*v) == t.second;
        });
        std::ranges::sort(types_);
        if (plain_names_ && selected_.all())
            parse_texts();
        else
            value_ = named_properties(std::move(value_), types_, selected_, quota_).release();
        json_texts_.clear();
        members_ = 0;
        plain_names_ = true;
    }

    void parse_texts() {
        for (const std::size_t i : json_texts_) {
            auto& member = value_.begin()[static_cast<std::ptrdiff_t>(i)];
            if (!member.value().is_string() || has_type(types_, member.key())) continue;
            if (auto v = value_in_text(member.value().get_string(), &quota_)) member.value() = std::move(*v);
        }
    }

    const expected_keys keys_;
    selection selected_;
    bool with_columns_;
    value value_;                         // with the stored names
    edm_types types_;                     // all annotations until the entity is complete
    std::vector<std::size_t> json_texts_; // indexes of members whose text may be JSON
    bool plain_names_ = true;
    std::size_t expected_ = 8; // number of members; later that of the previous entity
    std::size_t members_ = 0;  // so far, including annotations
    value_quota quota_;
    bool has_partition_key_ = false;
    bool has_key_ = false;
    std::string partition_key_, key_, etag_, timestamp_, marks_;
};

/// Extracts the entities from a JSON text: the text itself (`entity_level` 1), or the elements of its array
/// `value` (`entity_level` 3). Ignores everything else.
class entity_handler {
public:
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();

    entity_handler(std::size_t entity_level, const expected_keys& keys, const projection& select,
                   columns which, bool with_columns)
        : builder(keys, select, which, with_columns), entity_level_(entity_level),
          among_entities_(entity_level == 1) {}

    bool found = false; // the entity, or the array of entities
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
        if (level_ == 3 && in_entity()) {
            if (entries.size() == max_rows) refuse_more_than(max_rows, "rows");
            entries.push_back(builder.release_entry());
        }
        --level_;
        return true;
    }

    bool on_array_begin(error_code& ec) {
        if (in_page()) return refuse_row(ec);
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

    bool on_string(json::string_view s, std::size_t n, error_code& ec) {
        if (n == s.size()) return add(std::string_view(s), ec);
        text_.append(s.data(), s.size());
        const bool more = add(std::string_view(text_), ec);
        text_.clear();
        return more;
    }

    bool on_number_part(json::string_view s, error_code&) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool on_int64(std::int64_t i, json::string_view, error_code& ec) {
        text_.clear();
        return add(i, ec);
    }

    bool on_uint64(std::uint64_t u, json::string_view, error_code& ec) {
        text_.clear();
        return add(u, ec);
    }

    bool on_double(double, json::string_view s, error_code& ec) {
        text_.append(s.data(), s.size());
        const auto d = finite_double(text_);
        text_.clear();
        if (!d) { // the service writes infinities as words
            ec = json::error::not_exact;
            return false;
        }
        return add(*d, ec);
    }

    bool on_bool(bool b, error_code& ec) { return add(b, ec); }

    bool on_null(error_code& ec) { return !in_page() || refuse_row(ec); } // null is not a property

    bool on_comment_part(json::string_view, error_code&) { return true; }

    bool on_comment(json::string_view, error_code&) { return true; }

private:
    bool in_entity() const { return among_entities_ && level_ == entity_level_; }

    // Where only objects are allowed.
    bool in_page() const { return among_entities_ && entity_level_ == 3 && level_ == 2; }

    static bool refuse_row(error_code& ec) {
        ec = json::error::syntax;
        return false;
    }

    template <class Value>
    bool add(Value v, error_code& ec) {
        if (in_page()) return refuse_row(ec);
        if (in_entity()) builder.add(key_, v);
        return true;
    }

    std::size_t entity_level_;
    std::size_t level_ = 0;
    bool among_entities_;
    std::string key_;
    std::string text_; // of a string or number that arrives in parts
};

// Parses `text` and calls `use` with the handler. Returns false if the text is not as expected.
template <class Use>
bool try_parse(std::string_view text, std::size_t entity_level, const expected_keys& keys,
               const projection& select, columns which, bool with_columns, Use use) {
    json::basic_parser<entity_handler> parser(json::parse_options(), entity_level, keys, select, which,
                                              with_columns);
    // A page has at most a thousand rows, except large pages of Cosmos DB.
    if (entity_level == 3) parser.handler().entries.reserve(std::min<std::size_t>(1000, text.size() / 128));
    error_code ec;
    const std::size_t n = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || n != text.size() || !parser.handler().found) return false;
    use(parser.handler());
    return true;
}

template <class Use>
void parse(std::string_view text, std::size_t entity_level, const expected_keys& keys,
           const projection& select, columns which, bool with_columns, Use use) {
    if (try_parse(text, entity_level, keys, select, which, with_columns, use)) return;
    // A text cut within a surrogate pair, as JavaScript may do, must not make a whole page unreadable.
    if (try_parse(without_lone_surrogates(text), entity_level, keys, select, which, with_columns, use))
        return;
    throw error(errc::bad_response, "the response is not an entity in JSON");
}

} // namespace

value decode_entity(std::string_view text, const expected_keys& keys, const projection& select,
                    columns which) {
    value v;
    parse(text, 1, keys, select, which, false, [&](entity_handler& h) { v = h.builder.release_value(); });
    return v;
}

entry decode_entry(std::string_view text, const expected_keys& keys, const projection& select,
                   columns which) {
    entry e;
    parse(text, 1, keys, select, which, true, [&](entity_handler& h) { e = h.builder.release_entry(); });
    return e;
}

std::vector<entry> decode_page(std::string_view text, const expected_keys& keys, const projection& select,
                               columns which) {
    std::vector<entry> page;
    parse(text, 3, keys, select, which, true, [&](entity_handler& h) { page = std::move(h.entries); });
    return page;
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
