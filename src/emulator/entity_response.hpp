// Entities in responses: what is selected, in which order, with which annotations.
#pragma once

#include "emulator/context.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// Appends an entity as JSON with what `selected` of `read_select` names. `metadata_url` is that of the
/// response; empty within a page.
void append_entity(std::string& out, const context&, const std::string& table, const record&, metadata,
                   const std::vector<std::string>& selected, std::string_view metadata_url);

/// Returns what the `odata.metadata` of the response says of `$select`.
std::string selected_in_url(const context&, const target&);

/// Returns the names in `$select`, each once and sorted; empty means all.
std::vector<std::string> read_select(const target&);

/// Returns the `odata.metadata` of a response with one entity.
std::string entity_metadata_url(const context&, const target&);

} // namespace azkv::emulation
