#include "codec/entity.hpp"
#include "codec/entry_access.hpp"
#include "codec/json_text.hpp"
#include "codec/names.hpp"
#include "codec/utf.hpp"
#include "codec/write_marks.hpp"

#include <azkv/error.hpp>

#include <boost/url/grammar/alnum_chars.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>

namespace azkv::codec {

namespace json = boost::json;

namespace {

// https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
constexpr std::size_t max_properties = 252; // 255 with PartitionKey, RowKey and Timestamp
constexpr std::size_t max_text_units = 32'768;
constexpr std::size_t max_storage_entity = std::size_t{1} << 20;
// https://learn.microsoft.com/azure/cosmos-db/table/faq
// As sent, less the envelope of a batch, which may have 2 MB in all: `put_all` accepts what `put` accepts.
constexpr std::size_t max_cosmos_entity = 2'000'000 - 16'384;

[[noreturn]] void refuse(errc code, std::string_view member, const std::string& why) {
    throw error(code, "member " + in_quotes(member) + ' ' + why);
}

// Returns the longest prefix of a JSON text that a property can hold, not cut within an escape or a
// character.
std::string_view first_part(std::string_view json) {
    std::size_t end = 0;
    for (std::size_t units = 0; end < json.size();) {
        const std::size_t n = json_character(json.substr(end));
        units += utf16_length(json.substr(end, n));
        if (units > max_text_units) break;
        end += n;
    }
    return json.substr(0, end);
}

/// Writes the properties of one entity and computes its size by the service's own formula.
class writer {
public:
    writer(std::string& out, const entity_key& key, const value& v, service_mode mode,
           const entity_extras& extras)
        : mode_(mode), out_(out), start_(out.size()) {
        if (extras.typed) types_ = &detail::entry_access::edm_types(*extras.typed);
        check_count(v.size(), "members");
        std::size_t texts = 0;
        for (const auto& member : v)
            if (const json::string* text = member.value().if_string()) texts += text->size();
        out_.reserve(start_ + 128 + key.partition.size() + key.row.size() + 64 * v.size() + texts);
        out_.append(R"({"PartitionKey":)");
        cost_ = 4 + 2 * append_ascii_json(out_, key.partition);
        out_.append(R"(,"RowKey":)");
        cost_ += 2 * append_ascii_json(out_, key.row);
        for (const auto& member : v) {
            const std::size_t before = size();
            if (!types_ || !write_typed(member.key(), member.value())) write(member.key(), member.value());
            if (size() - before <= largest_size_) continue;
            largest_size_ = size() - before;
            largest_ = member.key();
        }
        if (!extras.marks.empty()) write_text(marks_property, marks_property, extras.marks);
        out_.push_back('}');
        check_count(properties_, extras.marks.empty()
                                     ? "properties, including the parts of long members"
                                     : "properties, including the parts of long members and the mark of the "
                                       "write (store_options::write_ids)");
        const std::size_t limit = mode == service_mode::storage ? max_storage_entity : max_cosmos_entity;
        if (size() > limit)
            throw error(errc::too_large, "the value takes " + std::to_string(size()) + " bytes, "
                                             + std::to_string(largest_size_) + " of them in member "
                                             + in_quotes(largest_) + "; the service holds "
                                             + std::to_string(limit));
    }

private:
    // In bytes, as the service counts.
    std::size_t size() const { return mode_ == service_mode::storage ? cost_ : out_.size() - start_; }

    static void check_count(std::size_t count, const char* of) {
        if (count > max_properties)
            throw error(errc::too_large, "the value has " + std::to_string(count) + ' ' + of
                                             + "; the service holds " + std::to_string(max_properties));
    }

    void write(std::string_view member, const json::value& v) {
        const bool plain = is_plain_property(member, mode_);
        const std::string escaped = plain ? std::string() : escape_property(member, mode_);
        const std::string_view name = plain ? member : escaped;
        switch (v.kind()) {
        case json::kind::bool_:
            begin(name);
            out_.append(v.get_bool() ? "true" : "false");
            cost_ += 1;
            break;
        case json::kind::int64: write_integer(name, v.get_int64()); break;
        case json::kind::uint64:
            if (v.get_uint64() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                write_parts(member, name, std::to_string(v.get_uint64())); // parts are read as JSON
            else
                write_integer(name, static_cast<std::int64_t>(v.get_uint64()));
            break;
        case json::kind::double_:
            begin(name, "Edm.Double");
            append_double(out_, v.get_double(), nonfinite::strings);
            cost_ += 8;
            break;
        case json::kind::string: write_string(member, name, v.get_string()); break;
        case json::kind::null:
        case json::kind::array:
        case json::kind::object: write_json(member, name, v); break;
        }
    }

    // Writes a member as the type that another program gave it, if its value can have that. Returns whether.
    bool write_typed(std::string_view member, const json::value& v) {
        const auto found = std::ranges::find(*types_, member, [](const auto& t) { return t.first; });
        if (found == types_->end()) return false;
        const std::string_view type = found->second;
        const std::string name = escape_property(member, mode_);
        if (const std::int64_t* const i = v.if_int64(); i && type == "Edm.Int64") {
            write_long(name, *i);
            return true;
        }
        const bool as_text = type == "Edm.DateTime" || type == "Edm.Guid" || type == "Edm.Binary";
        if (!as_text || !v.is_string()) return false;
        begin(name, type);
        const std::string_view text = v.get_string();
        if (append_ascii_json(out_, text) == std::string_view::npos)
            refuse(errc::invalid_argument, member, "contains text that is not UTF-8");
        cost_ += type == "Edm.DateTime" ? 8 : type == "Edm.Guid" ? 16 : text.size() / 4 * 3 + 4;
        return true;
    }

    void begin(std::string_view name) {
        ++properties_;
        out_.push_back(',');
        cost_ += 8 + 2 * append_ascii_json(out_, name);
        out_.push_back(':');
    }

    void begin(std::string_view name, std::string_view edm_type) {
        out_.push_back(',');
        append_ascii_json(out_, name);
        out_.pop_back();
        out_.append("@odata.type\":\"").append(edm_type).push_back('"');
        begin(name);
    }

    void write_integer(std::string_view name, std::int64_t i) {
        const bool small =
            i >= std::numeric_limits<std::int32_t>::min() && i <= std::numeric_limits<std::int32_t>::max();
        if (!small) return write_long(name, i);
        begin(name);
        append_digits(i);
        cost_ += 4;
    }

    void write_long(std::string_view name, std::int64_t i) {
        begin(name, "Edm.Int64");
        out_.push_back('"');
        append_digits(i);
        out_.push_back('"');
        cost_ += 8;
    }

    void append_digits(std::int64_t i) {
        std::array<char, 24> digits;
        out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), i).ptr);
    }

    void write_string(std::string_view member, std::string_view name, std::string_view text) {
        // A string that a reader would parse as JSON is stored as a JSON string, so that it is read back
        // unchanged.
        const bool as_json = may_be_json(text) && value_in_text(text);
        if (!as_json && write_text(member, name, text)) return;
        json_.clear();
        append_json(json_, text);
        if (as_json && write_text(member, name, json_)) return;
        write_parts(member, name, json_);
    }

    void write_json(std::string_view member, std::string_view name, const json::value& v) {
        if (const std::size_t levels = depth(v); levels > max_depth)
            refuse(errc::too_large, member,
                   "is nested " + std::to_string(levels) + " levels deep; the limit is "
                       + std::to_string(max_depth));
        json_.clear();
        append_json(json_, v, nonfinite::words);
        if (!write_text(member, name, json_)) write_parts(member, name, json_);
    }

    // Returns whether one property can hold the text; if not, nothing is written.
    bool write_text(std::string_view member, std::string_view name, std::string_view text) {
        const std::size_t size_before = out_.size();
        const std::size_t cost_before = cost_;
        begin(name);
        const std::size_t units = append_ascii_json(out_, text);
        if (units == std::string_view::npos)
            refuse(errc::invalid_argument, member, "contains text that is not UTF-8");
        cost_ += 2 * units + 4;
        if (mode_ == service_mode::cosmos || units <= max_text_units) return true;
        out_.resize(size_before);
        cost_ = cost_before;
        --properties_;
        return false;
    }

    void write_parts(std::string_view member, std::string_view name, std::string_view json) {
        for (std::size_t number = 1; !json.empty(); ++number) {
            const std::string part = name_of_part(name, number);
            check_property_name(part, member);
            const std::string_view text = mode_ == service_mode::cosmos ? json : first_part(json);
            write_text(member, part, text);
            json.remove_prefix(text.size());
        }
    }

    service_mode mode_;
    std::string& out_;
    std::size_t start_; // of the entity
    std::string json_;  // of the current member
    std::size_t cost_ = 0;
    std::string_view largest_; // member
    std::size_t largest_size_ = 0;
    std::size_t properties_ = 0;
    const std::vector<std::pair<std::string, std::string>>* types_ = nullptr; // those that members keep
};

} // namespace

std::string encode_entity(const entity_key& key, const value& v, service_mode mode,
                          const entity_extras& extras) {
    std::string out;
    append_entity(out, key, v, mode, extras);
    return out;
}

void append_entity(std::string& out, const entity_key& key, const value& v, service_mode mode,
                   const entity_extras& extras) {
    writer(out, key, v, mode, extras);
}

namespace {

// Returns whether another program may have written a column of that name, which azkv would escape.
bool may_be_foreign(std::string_view name) {
    return !read_part_name(name) && std::ranges::all_of(name, [](char c) {
        return c == '_' || static_cast<unsigned char>(c) >= 0x80 || boost::urls::grammar::alnum_chars(c);
    });
}

// In a URL, commas and characters beyond ASCII take three bytes.
std::size_t length_in_url(std::string_view list) {
    const auto plain = [](char c) { return c == '_' || boost::urls::grammar::alnum_chars(c); };
    return 3 * list.size() - 2 * static_cast<std::size_t>(std::ranges::count_if(list, plain));
}

} // namespace

std::string select_list(const projection& p, service_mode mode, bool for_entries) {
    // At most as many columns as a row can have, in a URL that servers and proxies accept. Beyond that, the
    // request is for all columns.
    constexpr std::size_t max_columns = max_properties;
    constexpr std::size_t max_length = 6000;
    std::size_t columns = 0;
    std::string list;
    if (!p.empty()) list = for_entries ? "PartitionKey,RowKey,Timestamp" : "PartitionKey,RowKey";
    const auto add = [&](std::string_view name) {
        ++columns;
        if (!list.empty()) list.push_back(',');
        list.append(name);
    };
    for (const std::string& member : std::set<std::string>(p.names().begin(), p.names().end())) {
        const std::string name = escape_property(member, mode);
        add(name);
        if (name != member && !is_system_name(member, mode) && may_be_foreign(member)) add(member);
        for (std::size_t number = 1; number <= max_selected_parts; ++number) add(name_of_part(name, number));
    }
    return columns <= max_columns && length_in_url(list) <= max_length ? list : std::string();
}

} // namespace azkv::codec
