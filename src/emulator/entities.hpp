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

/// Appends an entity as JSON. `metadata_url` is that of the response; empty within a page.
void append_entity(std::string& out, const context&, const std::string& table, const record&, metadata,
                   const std::vector<std::string>& selected, std::string_view metadata_url);

/// Returns what the `odata.metadata` of the response says of `$select`.
std::string selected_in_url(const context&, const target&);

/// Returns the names in `$select`; empty means all.
std::vector<std::string> read_select(const target&);

} // namespace azkv::emulation
