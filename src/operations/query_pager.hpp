// The pages of a listing: what to ask for next, and what to make of the responses. No I/O.
#pragma once

#include "async/only_terminal.hpp"
#include "client/call_result.hpp"
#include "client/operation_context.hpp"
#include "protocol/requests.hpp"

#include <azkv/entry.hpp>
#include <azkv/projection.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::operations {

/// A listing in progress. It moves on only with success, so that a page that failed can be asked for again.
class query_pager {
public:
    /// The operation fails if the arguments are not valid. `partition`, as stored: the only one that the
    /// filter matches.
    query_pager(client::operation_context& op, std::string filter, projection select,
                std::optional<std::string> partition = {});

    /// Returns true if there is, or may be, another page.
    bool more() const { return more_; }

    protocol::request request() const;

    async::outcome<std::vector<entry>> read(client::operation_context& op, const client::call_result& result);

private:
    std::vector<entry> decode(std::string_view body) const;

    std::string filter_;
    projection select_;
    std::optional<std::string> partition_;
    std::string table_;
    std::string columns_;
    protocol::continuation from_;
    protocol::continuation
        before_; // the place after page 1, 2, 4, 8 ..: a circle of any length returns to it
    std::size_t pages_ = 0;
    bool more_ = true;
};

} // namespace azkv::operations
