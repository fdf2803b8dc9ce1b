// Operations on entities.
#pragma once

#include "emulator/context.hpp"

namespace azkv::emulation {

/// Returns whether this is a write of one entity, as in a batch.
bool is_entity_write(std::string_view method, const target&);

/// Executes a write: insert (POST), replace (PUT), merge (MERGE, PATCH), or delete. Throws `failure`.
reply write_entity(const context&, const request&, std::string_view method, const target&);

/// Returns an entity. Throws `failure`.
reply get_entity(const context&, const request&, const target&);

} // namespace azkv::emulation
