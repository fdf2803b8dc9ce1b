// Whether a response says that something does not exist. No I/O.
#pragma once

#include "protocol/message.hpp"

#include <azkv/value.hpp>

#include <string_view>

namespace azkv::client {

enum class missing { none, entity, table };

/// Returns what the service says is missing. A 404 that a proxy made up says nothing. A table that is being
/// deleted is missing, except to those who want to create it again.
inline missing what_is_missing(const protocol::response& r) {
    if (r.status != 404 && r.status != 409) return missing::none;
    const std::string_view code = r.own_code();
    if (r.status == 409) return code == "TableBeingDeleted" ? missing::table : missing::none;
    if (code == "TableNotFound") return missing::table;
    return code == "ResourceNotFound" || code == "EntityNotFound" ? missing::entity : missing::none;
}

/// Returns true if the table that was to be listed or written to is missing. Cosmos DB has one code for all
/// that is missing, and neither request asks for an entity. In Table Storage, which has a code of its own for
/// tables, the general one means that the account or the path is wrong.
inline bool is_table_missing(const protocol::response& r, service_mode mode) {
    const missing m = what_is_missing(r);
    return m == missing::table || (m == missing::entity && mode == service_mode::cosmos);
}

} // namespace azkv::client
