#include "codec/entity.hpp"
#include "codec/json_text.hpp"
#include "codec/names.hpp"
#include "codec/utf.hpp"

#include <azkv/error.hpp>

#include <boost/json/serialize.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

namespace azkv::codec {

namespace json = boost::json;

namespace {

// https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
constexpr std::size_t max_properties = 252; // 255 with PartitionKey, RowKey and Timestamp
constexpr std::size_t max_text_units = 32'768;
constexpr std::size_t max_storage_entity = std::size_t{1} << 20;
// https://learn.microsoft.com/azure/cosmos-db/table/faq
// As sent, less the envelope of a batch, which may hold 2 MB in all: what `put` takes `put_all` takes too.
constexpr std::size_t max_cosmos_entity = 2'000'000 - 16'384;

[[noreturn]] void refuse(errc code, std::string_view member, const std::string& why) {
    throw error(code, "member " + in_quotes(member) + ' ' + why);
}

/// Writes the properties of one entity and counts what they cost, by the service's own formula.
class writer {
public:
    writer(std::string_view partition_key, std::string_view row_key, const value& v, service_mode mode)
        : mode_(mode) {
        if (v.size() > max_properties)
            throw error(errc::too_large, "the value has " + std::to_string(v.size())
                                             + " members; the service holds "
                                             + std::to_string(max_properties));
        out_.reserve(64 + partition_key.size() + row_key.size() + 32 * v.size());
        out_.append(R"({"PartitionKey":)");
        append_ascii_json(out_, partition_key);
        out_.append(R"(,"RowKey":)");
        append_ascii_json(out_, row_key);
        cost_ = 4 + 2 * (utf16_length(partition_key) + utf16_length(row_key));
        for (const auto& member : v) write(member.key(), member.value());
        out_.push_back('}');
        const std::size_t size = mode == service_mode::storage ? cost_ : out_.size();
        const std::size_t limit = mode == service_mode::storage ? max_storage_entity : max_cosmos_entity;
        if (size > limit)
            throw error(errc::too_large, "the value takes " + std::to_string(size)
                                             + " bytes; the service holds " + std::to_string(limit));
    }

    std::string release() { return std::move(out_); }

private:
    void write(std::string_view member, const json::value& v) {
        const std::string name = escape_property(member, mode_);
        cost_ += 8 + 2 * name.size();
        switch (v.kind()) {
        case json::kind::bool_:
            begin(name);
            out_.append(v.get_bool() ? "true" : "false");
            cost_ += 1;
            break;
        case json::kind::int64: write_integer(name, v.get_int64()); break;
        case json::kind::uint64:
            if (v.get_uint64() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                refuse(errc::invalid_argument, member,
                       "is " + std::to_string(v.get_uint64()) + "; the largest integer that can be stored is "
                           + std::to_string(std::numeric_limits<std::int64_t>::max()));
            write_integer(name, static_cast<std::int64_t>(v.get_uint64()));
            break;
        case json::kind::double_: write_double(name, v.get_double()); break;
        case json::kind::string: write_string(member, name, v.get_string()); break;
        case json::kind::null:
        case json::kind::array:
        case json::kind::object: write_json(member, name, v); break;
        }
    }

    void begin(std::string_view name) {
        out_.append(",\"");
        out_.append(name);
        out_.append("\":");
    }

    void begin(std::string_view name, std::string_view edm_type) {
        out_.append(",\"");
        out_.append(name);
        out_.append("@odata.type\":\"");
        out_.append(edm_type);
        out_.push_back('"');
        begin(name);
    }

    void write_integer(std::string_view name, std::int64_t i) {
        const bool small =
            i >= std::numeric_limits<std::int32_t>::min() && i <= std::numeric_limits<std::int32_t>::max();
        if (small) {
            begin(name);
            out_.append(std::to_string(i));
            cost_ += 4;
        } else {
            begin(name, "Edm.Int64");
            out_.push_back('"');
            out_.append(std::to_string(i));
            out_.push_back('"');
            cost_ += 8;
        }
    }

    void write_double(std::string_view name, double d) {
        begin(name, "Edm.Double");
        if (std::isfinite(d))
            append_double(out_, d);
        else
            out_.append(nonfinite_name(d));
        cost_ += 8;
    }

    void write_string(std::string_view member, std::string_view name, std::string_view text) {
        // What a reader would take for JSON is stored as JSON, and so comes back as the string it is.
        if (value_in_text(text))
            write_text(member, name, json::serialize(json::string_view(text)));
        else
            write_text(member, name, text);
    }

    void write_json(std::string_view member, std::string_view name, const json::value& v) {
        if (const std::size_t levels = depth(v); levels > max_depth)
            refuse(errc::too_large, member,
                   "is nested " + std::to_string(levels) + " levels deep; the limit is "
                       + std::to_string(max_depth));
        if (has_nonfinite(v))
            refuse(errc::invalid_argument, member,
                   "holds a NaN or an infinity, which JSON has no number for");
        write_text(member, name, json::serialize(v));
    }

    void write_text(std::string_view member, std::string_view name, std::string_view text) {
        const std::size_t units = utf16_length(text);
        if (units == std::string_view::npos)
            refuse(errc::invalid_argument, member, "holds text that is not UTF-8");
        if (mode_ == service_mode::storage && units > max_text_units)
            refuse(errc::too_large, member,
                   "takes " + std::to_string(units) + " UTF-16 units; the service holds "
                       + std::to_string(max_text_units));
        begin(name);
        append_ascii_json(out_, text);
        cost_ += 2 * units + 4;
    }

    service_mode mode_;
    std::string out_;
    std::size_t cost_ = 0;
};

} // namespace

std::string encode_entity(std::string_view partition_key, std::string_view row_key, const value& v,
                          service_mode mode) {
    return writer(partition_key, row_key, v, mode).release();
}

std::string select_list(const projection& p, service_mode mode, bool with_keys) {
    if (p.empty()) return {};
    std::string list = with_keys ? "PartitionKey,RowKey,Timestamp" : "";
    for (const std::string& name : p.names()) {
        if (!list.empty()) list.push_back(',');
        list.append(escape_property(name, mode));
    }
    return list;
}

} // namespace azkv::codec
