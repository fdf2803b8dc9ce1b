// What became of a conditional write whose response was lost. No I/O, no clock.
#pragma once

#include "codec/entity_key.hpp"
#include "codec/write_marks.hpp"
#include "protocol/clocks.hpp"
#include "protocol/message.hpp"

#include <azkv/entry.hpp>
#include <azkv/etag.hpp>
#include <azkv/value.hpp>
#include <azkv/write_result.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace azkv::protocol {

/// A conditional write to one row, and what is known of it. After a response was lost the row is read, and
/// its marks decide. Two facts remain true for ever, however old the copy of the row that shows them: a mark
/// with the id of this write proves that it was applied; a mark of another write that replaced the given
/// version proves that this one was not, and never will be.
class lost_write {
public:
    enum class verdict {
        applied,
        lost,       ///< another write was faster
        not_so_far, ///< it may be sent again
        unknown,
    };

    /// What a write needs, and leaves.
    class terms {
    public:
        etag given;               // the version it replaces; empty: it inserts
        std::uint64_t id = 0;     // of its mark
        bool marked = true;       // it leaves a mark; an erasure does not
        bool old_row_wins = true; // an insert is lost to a row that is older than its first sending
        clocks began;             // before the first sending
    };

    lost_write(std::string table, const codec::entity_key& key, terms t);

    /// Returns the mark that the write leaves.
    codec::write_mark mark() const { return {terms_.id, hash_}; }

    bool inserts() const { return terms_.given.empty(); }

    /// Returns which condition of the write the service reports as not met; `none` for any other response.
    /// (https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes)
    conflict conflict_in(const response& r) const;

    /// Returns the read that decides.
    request question() const;

    /// Judges the response to it. Throws `azkv::error` for a response that is not the service's.
    verdict judge(const response& r, const clocks& now);

    /// Returns the last verdict; nullopt: no response was lost.
    const std::optional<verdict>& result() const { return result_; }

    /// Returns the version that this write made: that of the row, if nobody else has written it since and it
    /// has the value `v`; otherwise one that the row no longer has. Precondition: the verdict is `applied`.
    etag version(const value& v) const;

private:
    verdict judge_row(const response& r, const clocks& now);
    bool is_older(const response& r, const clocks& now) const;

    std::string table_;
    std::string partition_;
    std::string row_;
    terms terms_;
    std::uint64_t hash_; // of the given version
    std::optional<verdict> result_;
    bool is_newest_ = false;
    entry found_;
};

} // namespace azkv::protocol
