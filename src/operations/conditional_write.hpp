// What the conditional writes of one row have in common.
#pragma once

#include "async/outcome.hpp"
#include "client/call_result.hpp"
#include "client/operation_context.hpp"
#include "operations/row_address.hpp"
#include "protocol/lost_write.hpp"
#include "protocol/message.hpp"

#include <azkv/entry.hpp>
#include <azkv/etag.hpp>
#include <azkv/value.hpp>
#include <azkv/write_result.hpp>

#include <optional>
#include <string>

namespace azkv::operations {

/// Throws `azkv::error` unless it is the version of a row.
void check_version(const etag& version);

/// The base of the operations that `perform` runs.
class conditional_write {
public:
    using result = write_result;
    static constexpr auto idempotency = protocol::idempotency::verify_after_loss;

    async::outcome<write_result> read(client::operation_context& op, const client::call_result& result) const;

protected:
    conditional_write() {}

    ~conditional_write() = default;
    conditional_write(conditional_write&&) = default;

    /// Returns the request that inserts a value; creates the table.
    protocol::request insertion(const client::operation_context& op, const row_address& at, const value& v);

    /// Returns the request that replaces a version by a value. `before`, if there is one, is that version.
    protocol::request replacement(const client::operation_context& op, const row_address& at, const value& v,
                                  const etag& version, const entry* before);

    protocol::request erasure(const client::operation_context& op, const row_address& at,
                              const etag& version);

    /// Sets whether an insert is lost to a row that is older than its first sending. Default: true.
    void old_row_wins(bool wins) { old_row_wins_ = wins; }

private:
    // Prepares for the loss of the response. Returns the text of the row's marks afterwards.
    std::string prepare(const client::operation_context& op, const row_address& at, const etag& given,
                        const value* v, const std::string& marks_before);

    std::optional<protocol::lost_write> lost_;
    const value* written_ = nullptr; // null: an erasure
    bool old_row_wins_ = true;
};

} // namespace azkv::operations
