#include "operations/query_pager.hpp"

#include "client/missing.hpp"
#include "codec/entity.hpp"

#include <azkv/error.hpp>

#include <utility>

namespace azkv::operations {

query_pager::query_pager(client::operation_context& op, std::string filter, projection select,
                         std::optional<std::string> partition)
    : filter_(std::move(filter)), select_(std::move(select)), partition_(std::move(partition)) {
    op.check([&] {
        table_ = op.table();
        columns_ = codec::select_list(select_, op.service().mode, true);
    });
}

protocol::request query_pager::request() const {
    return protocol::query_entities(table_, filter_, columns_, from_);
}

async::outcome<std::vector<entry>> query_pager::read(client::operation_context& op,
                                                     const client::call_result& result) {
    std::vector<entry> page;
    // A table that disappears after the first page is an error: rows would be missing.
    const bool absent = pages_ == 0 && client::is_table_missing(result.response, op.service().mode);
    if (!absent && !result.succeeded) return op.exception_for(result);
    protocol::continuation next;
    if (!absent) {
        next = protocol::continuation(result.response);
        if (!next.empty() && (next == from_ || next == before_))
            op.fail(errc::bad_response,
                    "the listing would never end: the service returned a continuation token again");
        page = op.check([&] { return decode(result.response.body); });
    }
    ++pages_;
    const bool is_power_of_two = (pages_ & (pages_ - 1)) == 0;
    if (is_power_of_two) before_ = next;
    from_ = std::move(next);
    more_ = !from_.empty();
    return page;
}

std::vector<entry> query_pager::decode(std::string_view body) const {
    codec::expected_keys keys;
    keys.partition = partition_;
    const auto which = columns_.empty() ? codec::columns::all : codec::columns::selected;
    return codec::decode_page(body, keys, select_, which);
}

} // namespace azkv::operations
