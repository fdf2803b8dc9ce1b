#include "operations/conditional_write.hpp"

#include "codec/entity.hpp"
#include "codec/entry_access.hpp"
#include "codec/write_marks.hpp"
#include "protocol/requests.hpp"
#include "support/require.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

namespace azkv::operations {

namespace {

// 64 random bits: those of the operation's id that are random in a UUID of version 4.
std::uint64_t write_id(std::string_view uuid) {
    constexpr std::size_t first_half = 8, last_half = 28; // of 36 characters
    std::uint32_t first = 0, last = 0;
    std::from_chars(uuid.data(), uuid.data() + first_half, first, 16);
    std::from_chars(uuid.data() + last_half, uuid.data() + uuid.size(), last, 16);
    return std::uint64_t{first} << 32 | last;
}

protocol::request in_partition_of(protocol::request r, const row_address& at) {
    r.partition = at.partition;
    return r;
}

} // namespace

// https://learn.microsoft.com/rest/api/storageservices/update-entity2
void check_version(const etag& version) {
    const std::string& text = version.text();
    require(!text.empty(), "the version is empty; it must be the ETag of a row");
    const bool in_quotes = (text.starts_with("W/\"") || text.starts_with('"')) && text.ends_with('"');
    bool printable = true;
    for (const char c : text) printable = printable && c > ' ' && c <= '~';
    require(in_quotes && printable && text.size() <= 1024,
            "the version is not the ETag of a row, such as W/\"datetime'2026-01-02T03%3A04%3A05Z'\"");
}

std::string conditional_write::prepare(const client::operation_context& op, const row_address& at,
                                       const etag& given, const value* v, const std::string& marks_before) {
    protocol::lost_write::terms terms;
    terms.given = given;
    terms.id = write_id(op.id());
    terms.marked = v && op.service().options.write_ids();
    terms.began = protocol::clocks::now();
    terms.old_row_wins = old_row_wins_;
    const bool marked = terms.marked;
    lost_.emplace(op.table(), at.key(), std::move(terms));
    written_ = v;
    if (!marked) return {};
    codec::write_marks marks(marks_before);
    marks.add(lost_->mark());
    return marks.text();
}

protocol::request conditional_write::insertion(const client::operation_context& op, const row_address& at,
                                               const value& v) {
    codec::entity_extras extras;
    extras.marks = prepare(op, at, etag(), &v, {});
    std::string table = op.table();
    protocol::request r =
        protocol::insert_entity(table, codec::encode_entity(at.key(), v, op.service().mode, extras));
    r.table = std::move(table);
    r.resolver = &*lost_;
    return in_partition_of(std::move(r), at);
}

protocol::request conditional_write::replacement(const client::operation_context& op, const row_address& at,
                                                 const value& v, const etag& version, const entry* before) {
    check_version(version);
    codec::entity_extras extras;
    extras.marks =
        prepare(op, at, version, &v, before ? detail::entry_access::marks(*before) : std::string());
    extras.typed = before;
    protocol::request r = protocol::replace_entity(
        op.table(), at.key(), codec::encode_entity(at.key(), v, op.service().mode, extras), version.text());
    r.resolver = &*lost_;
    return in_partition_of(std::move(r), at);
}

protocol::request conditional_write::erasure(const client::operation_context& op, const row_address& at,
                                             const etag& version) {
    check_version(version);
    prepare(op, at, version, nullptr, {});
    protocol::request r = protocol::delete_entity(op.table(), at.key(), version.text());
    r.resolver = &*lost_;
    return in_partition_of(std::move(r), at);
}

async::outcome<write_result> conditional_write::read(client::operation_context& op,
                                                     const client::call_result& result) const {
    using verdict = protocol::lost_write::verdict;
    const auto& resolved = lost_->result();
    if (result.succeeded) {
        if (!written_) return write_result(etag());
        if (resolved == verdict::applied) return write_result(lost_->version(*written_));
        return write_result(etag(std::string(result.response.etag.view())));
    }
    if (resolved == verdict::lost)
        return write_result(lost_->inserts() ? conflict::exists : conflict::changed);
    const conflict why =
        result.applied == protocol::applied::no ? lost_->conflict_in(result.response) : conflict::none;
    if (why == conflict::none) return op.exception_for(result);
    return write_result(why);
}

} // namespace azkv::operations
