#pragma once

#include "protocol/message.hpp"
#include "protocol/service_error.hpp"

#include <azkv/value.hpp>

#include <string>

namespace azkv {

enum class absence { none, entity, table };

// Absence is an answer; a 404 that some proxy made up is not. A table on its way out is gone to all but those
// who want to make it anew.
inline absence absence_in(const protocol::response& r) {
    if (r.status != 404 && r.status != 409) return absence::none;
    const std::string code = protocol::own_code(r);
    if (r.status == 409) return code == "TableBeingDeleted" ? absence::table : absence::none;
    if (code == "TableNotFound") return absence::table;
    return code == "ResourceNotFound" || code == "EntityNotFound" ? absence::entity : absence::none;
}

// Whether a table that was to be listed, or written to, is absent. Neither asks for an entity; but Cosmos DB
// has one code for all that is absent. Table Storage has another for tables: there the general one means that
// the account or the path is wrong.
inline bool no_table(const protocol::response& r, service_mode mode) {
    const absence a = absence_in(r);
    return a == absence::table || (a == absence::entity && mode == service_mode::cosmos);
}

} // namespace azkv
