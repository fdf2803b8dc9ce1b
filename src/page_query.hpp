#pragma once

#include "absence.hpp"
#include "codec/entity.hpp"
#include "codec/names.hpp"
#include "operation.hpp"
#include "protocol/operations.hpp"

#include <azkv/entry.hpp>
#include <azkv/error.hpp>
#include <azkv/projection.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace azkv {

/// What a query asks for, page after page.
class page_query {
public:
    /// What is wrong with the arguments ends the operation.
    page_query(operation& op, std::string filter, const std::string& collection, projection select)
        : filter_(std::move(filter)), select_(std::move(select)) {
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
        more_ = false;
        std::vector<entry> page;
        if (absence_in(a.response) != absence::none) return page;
        if (a.response.status != 200) op.fail(a);
        protocol::continuation next(a.response);
        if (!next.empty() && (next == from_ || next == before_))
            op.fail(errc::bad_response, "the service sends the same pages again and again");
        ++pages_;
        if ((pages_ & (pages_ - 1)) == 0) before_ = next;
        from_ = std::move(next);
        more_ = !from_.empty();
        const auto which = columns_.empty() ? codec::columns::all : codec::columns::selected;
        page = op.check([&] { return codec::decode_page(a.response.body, select_, which); });
        return page;
    }

private:
    std::string filter_;
    projection select_;
    std::string table_;
    std::string columns_;
    protocol::continuation from_;
    protocol::continuation before_; // the place after page 1, 2, 4, 8, ..: a circle of any length comes by it
    std::size_t pages_ = 0;
    bool more_ = true;
};

} // namespace azkv
