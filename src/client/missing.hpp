// Which missing entity or table a response reports. No I/O.
#pragma once

#include "protocol/message.hpp"

#include <azkv/value.hpp>

#include <string_view>

namespace azkv::client {

enum class missing { none, entity, table };

/// Returns what the service reports as missing. A 404 that is not in the service's own words, such as a
/// proxy's, reports nothing. A table that is being deleted counts as missing, except for writes, which are
/// retried until the deletion completes.
inline missing what_is_missing(const protocol::response& r) {
    if (r.status != 404 && r.status != 409) return missing::none;
    const std::string_view code = r.own_code();
    if (r.status == 409) return code == "TableBeingDeleted" ? missing::table : missing::none;
    if (code == "TableNotFound") return missing::table;
    return code == "ResourceNotFound" || code == "EntityNotFound" ? missing::entity : missing::none;
}

/// Returns true if the table of a listing or a write is missing. Cosmos DB has one code for everything that
/// is missing, and neither of these requests needs an existing entity. Table Storage has a separate code for
/// tables; there the general code means that the account or the path is wrong.
inline bool is_table_missing(const protocol::response& r, service_mode mode) {
    const missing m = what_is_missing(r);
    return m == missing::table || (m == missing::entity && mode == service_mode::cosmos);
}

} // namespace azkv::client
