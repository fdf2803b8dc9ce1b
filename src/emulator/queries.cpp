#include "emulator/queries.hpp"

#include "codec/json_text.hpp"
#include "emulator/entity_response.hpp"
#include "emulator/failure.hpp"
#include "support/base64.hpp"
#include "support/whole_number.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <limits>

namespace azkv::emulation {

namespace json = boost::json;

namespace {

constexpr const char* next_partition_header = "x-ms-continuation-NextPartitionKey";
constexpr const char* next_row_header = "x-ms-continuation-NextRowKey";

/// Collects the rows of a page.
class page {
public:
    page(const context& c, const target& t, metadata level)
        : context_(c), target_(t), level_(level), filter_(read_filter(c, t)), selected_(read_select(t)),
          max_rows_(read_top(c, t)),
          most_seen_(std::clamp<std::size_t>(limits::page_comparisons / (filter_.comparisons() + 1), 1,
                                             limits::page_scan)) {
        // A continued page must make progress, or the client would request it forever.
        const std::size_t least = t.parameter("NextPartitionKey") && max_rows_ > 0 ? 1 : 0;
        if (c.max_rows) max_rows_ = std::clamp(*c.max_rows, least, max_rows_);
    }

    const filter& condition() const { return filter_; }

    /// Returns false if the page is full; the next page begins with this record.
    bool take(const record& kept) {
        if (!context_.allowed.has_keys(kept.partition_key, kept.row_key))
            return true; // skips it: its keys must not appear in a token either
        if (rows_ == max_rows_ || body_.size() > limits::page_bytes || seen_ == most_seen_) return false;
        ++seen_;
        if (!matches(kept)) return true;
        if (!body_.empty()) body_.push_back(',');
        append_entity(body_, context_, target_.table, kept, level_, selected_, {});
        ++rows_;
        return true;
    }

    reply release() && {
        const std::string url = level_ == metadata::none ? std::string()
                                                         : context_.base_url + "$metadata#" + target_.table
                                                               + selected_in_url(context_, target_);
        reply answer = json_reply(200, list_body(body_, url, context_.mode), level_, context_.mode);
        answer.rows = rows_;
        return answer;
    }

private:
    bool matches(const record& kept) const {
        entity e;
        e.partition_key.text = kept.partition_key;
        e.row_key.text = kept.row_key;
        e.timestamp.integer = kept.timestamp;
        if (!filter_.is_on_keys_only()) e.properties = read_properties(kept.properties);
        return filter_.matches(e);
    }

    const context& context_;
    const target& target_;
    metadata level_;
    filter filter_;
    std::vector<std::string> selected_;
    std::size_t max_rows_;
    std::size_t most_seen_;
    std::size_t rows_ = 0;
    std::size_t seen_ = 0;
    std::string body_;
};

// The continuation token of Cosmos DB: `{"token":"...","range":{"min":"","max":"FF"}}`.
std::string write_position(std::int64_t position) {
    return R"({"token":")" + support::encode_base64(std::to_string(position))
           + R"(","range":{"min":"","max":"FF"}})";
}

std::int64_t read_position(const std::string& text) {
    boost::system::error_code ec;
    const json::value v = json::parse(text, ec);
    const json::object* const o = ec ? nullptr : v.if_object();
    const json::value* const token = o ? o->if_contains("token") : nullptr;
    const auto digits = token && token->is_string()
                            ? support::decode_base64(std::string_view(token->get_string()))
                            : std::nullopt;
    using limit = std::numeric_limits<std::int64_t>;
    const auto position =
        digits ? support::whole_number<std::int64_t>(*digits, limit::min(), limit::max()) : std::nullopt;
    if (!position) throw invalid_input();
    return *position;
}

// Returns the headers with the place of the next page, if there is one.
headers fill(page& rows, const context& c, storage::table_id table, const target& t) {
    const std::string* const partition = t.parameter("NextPartitionKey");
    const std::string* const row = t.parameter("NextRowKey");
    headers continuation;
    const auto next_is = [&](std::string partition_key, std::string row_key) {
        continuation.emplace_back(next_partition_header, std::move(partition_key));
        continuation.emplace_back(next_row_header, std::move(row_key));
        return false;
    };
    if (c.mode == service_mode::storage) {
        if (row && !partition) throw invalid_input();
        std::optional<std::pair<std::string, std::string>> from;
        if (partition) from.emplace(read_token(*partition), row ? read_token(*row) : std::string());
        c.db.scan(table, rows.condition().keys(), from, [&](record&& kept) {
            return rows.take(kept) || next_is(write_token(kept.partition_key), write_token(kept.row_key));
        });
    } else {
        const std::int64_t from = partition ? read_position(*partition) : 0;
        c.db.scan_unsorted(table, rows.condition().keys(), from, [&](record&& kept) {
            return rows.take(kept) || next_is(write_position(kept.position), "NA");
        });
    }
    return continuation;
}

} // namespace

reply query_entities(const context& c, const request& r, const target& t) {
    const metadata level = read_format(r, t);
    c.allowed.require(access::read, t.table);
    const auto table = c.find_table(t.table);
    page rows(c, t, level);
    // With `$top=0` the service responds with no rows and no continuation.
    const headers continuation = read_top(c, t) == 0 ? headers() : fill(rows, c, table, t);
    reply answer = std::move(rows).release();
    std::ranges::copy(continuation, std::back_inserter(answer.headers));
    return answer;
}

std::string list_body(std::string_view rows, const std::string& metadata_url, service_mode mode) {
    std::string url;
    if (!metadata_url.empty()) append_member(url, "odata.metadata", metadata_url);
    std::string body = "{";
    body.reserve(rows.size() + url.size() + 16);
    if (mode == service_mode::storage) body.append(url);
    body.append("\"value\":[").append(rows).append("],");
    if (mode == service_mode::cosmos) body.append(url);
    body.back() = '}';
    return body;
}

std::size_t read_top(const context& c, const target& t) {
    const std::string* const text = t.parameter("$top");
    if (!text) return limits::page_rows;
    const auto n = support::whole_number<std::size_t>(*text, 0, limits(c.mode).max_top);
    if (!n) throw invalid_input();
    return *n;
}

filter read_filter(const context& c, const target& t) {
    const std::string* const text = t.parameter("$filter");
    return text ? filter::parse(*text, c.mode) : filter();
}

} // namespace azkv::emulation
