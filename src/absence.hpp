#pragma once

#include "protocol/message.hpp"
#include "protocol/service_error.hpp"

#include <string>

namespace azkv {

enum class absence { none, entity, table };

// Absence is an answer; a 404 that some proxy made up is not. A table on its way out is gone to all but those
// who want to make it anew.
inline absence absence_in(const protocol::response& r) {
    if (r.status != 404 && r.status != 409) return absence::none;
    const std::string code = protocol::read_error(r).code;
    if (code == "TableNotFound" || code == "TableBeingDeleted") return absence::table;
    return code == "ResourceNotFound" || code == "EntityNotFound" ? absence::entity : absence::none;
}

} // namespace azkv
