// The pages of a listing: the next request, and the entries in a response. No I/O.
#pragma once

#include "async/outcome.hpp"
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

/// A listing in progress. It advances only on success, so that a failed page can be requested again.
class query_pager {
public:
    /// Fails `op` if the arguments are not valid. `partition`, as stored, is the only one that the filter
    /// matches, if it is set.
    query_pager(client::operation_context& op, std::string filter, projection select,
                std::optional<std::string> partition = {});

    /// Returns true if there may be another page.
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
    protocol::continuation before_; // after page 1, 2, 4, 8 ..: a cycle of any length returns to one of them
    std::size_t pages_ = 0;
    bool more_ = true;
};

} // namespace azkv::operations
