#include "protocol/lost_write.hpp"

#include "codec/entity.hpp"
#include "codec/entry_access.hpp"
#include "codec/equality.hpp"
#include "protocol/http_date.hpp"
#include "protocol/requests.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace azkv::protocol {

namespace {

bool is_missing(const response& r) {
    const std::string_view code = r.own_code();
    if (r.status == 409) return code == "TableBeingDeleted";
    return r.status == 404
           && (code == "ResourceNotFound" || code == "EntityNotFound" || code == "TableNotFound");
}

// No row has it any more, or ever had.
etag version_of_none() {
    return etag("W/\"datetime'0001-01-01T00%3A00%3A00Z'\"");
}

} // namespace

lost_write::lost_write(std::string table, const codec::entity_key& key, terms t)
    : table_(std::move(table)), partition_(key.partition), row_(key.row), terms_(std::move(t)),
      hash_(terms_.given.empty() ? 0 : codec::hash_of(key, terms_.given)) {}

conflict lost_write::conflict_in(const response& r) const {
    if (inserts()) {
        const bool exists = r.status == 409 && r.own_code() == "EntityAlreadyExists";
        return exists ? conflict::exists : conflict::none;
    }
    if (is_missing(r)) return conflict::gone;
    return r.status == 412 && !r.own_code().empty() ? conflict::changed : conflict::none;
}

request lost_write::question() const {
    request r = get_entity(table_, codec::entity_key(partition_, row_), {});
    r.name = "verify write";
    r.only_primary = true;
    r.is_dated = true;
    return r;
}

lost_write::verdict lost_write::judge(const response& r, const clocks& now) {
    result_ = verdict::unknown; // if it throws
    result_ = judge_row(r, now);
    return *result_;
}

lost_write::verdict lost_write::judge_row(const response& r, const clocks& now) {
    if (is_missing(r)) return inserts() ? verdict::not_so_far : verdict::unknown;
    if (r.status != 200) return verdict::unknown;
    found_ = codec::decode_entry(r.body, codec::expected_keys(partition_, row_));
    const codec::write_marks marks(detail::entry_access::marks(found_));
    is_newest_ = marks.begins_with(terms_.id);
    if (terms_.marked && marks.has(terms_.id)) return verdict::applied;
    if (!inserts() && marks.others_replaced(hash_, terms_.id)) return verdict::lost;
    if (!inserts()) return found_.etag() == terms_.given ? verdict::not_so_far : verdict::unknown;
    return terms_.old_row_wins && terms_.marked && is_older(r, now) ? verdict::lost : verdict::unknown;
}

// A row that is older than the first sending cannot be what others have made of it. The date of a response is
// up to a second behind, which errs on the side of doubt. The steady clock may stand still while the machine
// sleeps.
bool lost_write::is_older(const response& r, const clocks& now) const {
    constexpr std::chrono::seconds margin(5);
    const auto date = parse_http_date(r.date);
    const auto written = found_.timestamp();
    if (!date || written == std::chrono::system_clock::time_point()) return false;
    const auto since = std::max<std::chrono::system_clock::duration>(now.steady - terms_.began.steady,
                                                                     now.wall - terms_.began.wall);
    return written + margin < *date - since;
}

etag lost_write::version(const value& v) const {
    if (is_newest_ && codec::is_equal(found_.value(), v)) return found_.etag();
    return inserts() ? version_of_none() : terms_.given;
}

} // namespace azkv::protocol
