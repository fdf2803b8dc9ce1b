// What a listing asks for, page after page, and what it makes of the answers. No I/O.
#pragma once

#include "client/missing.hpp"
#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "client/operation_context.hpp"
#include "protocol/requests.hpp"

#include <azkv/entry.hpp>
#include <azkv/error.hpp>
#include <azkv/projection.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv {

/// A listing under way. A page that could not be had may be asked for again: it moves on with success only.
class page_query {
public:
    /// What is wrong with the arguments ends the operation. `partition`, as stored: all that the filter lets
    /// pass.
    page_query(operation& op, std::string filter, const std::string& collection, projection select,
               std::optional<std::string> partition = {})
        : filter_(std::move(filter)), select_(std::move(select)), partition_(std::move(partition)) {
        op.check([&] {
            const account& account = op.account();
            table_ = codec::table_name(collection, account.options.naming());
            columns_ = codec::select_list(select_, account.mode, true);
        });
    }

    /// Whether there is, or may be, another page.
    bool more() const { return more_; }

    protocol::request request() const { return protocol::query_entities(table_, filter_, columns_, from_); }

    std::vector<entry> read(operation& op, const answer& a) {
        std::vector<entry> page;
        // A table that goes away later has left out rows.
        const bool absent = pages_ == 0 && no_table(a.response, op.account().mode);
        if (!absent && !a.succeeded) op.fail(a);
        protocol::continuation next;
        if (!absent) {
            next = protocol::continuation(a.response);
            if (!next.empty() && (next == from_ || next == before_))
                op.fail(errc::bad_response, "the service sends the same pages again and again");
            page = op.check([&] { return decode(a.response.body); });
        }
        ++pages_;
        if ((pages_ & (pages_ - 1)) == 0) before_ = next;
        from_ = std::move(next);
        more_ = !from_.empty();
        return page;
    }

private:
    std::vector<entry> decode(std::string_view body) const {
        codec::expected_keys keys;
        keys.partition = partition_;
        const auto which = columns_.empty() ? codec::columns::all : codec::columns::selected;
        return codec::decode_page(body, keys, select_, which);
    }

    std::string filter_;
    projection select_;
    std::optional<std::string> partition_;
    std::string table_;
    std::string columns_;
    protocol::continuation from_;
    protocol::continuation before_; // the place after page 1, 2, 4, 8, ..: a circle of any length comes by it
    std::size_t pages_ = 0;
    bool more_ = true;
};

} // namespace azkv
