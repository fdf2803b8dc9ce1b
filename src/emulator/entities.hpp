#pragma once

#include "emulator/context.hpp"

namespace azkv::emulation {

/// Whether that is an operation on one entity which changes it, as a batch is made of.
bool is_entity_write(std::string_view method, const target&);

/// Does one: insert (POST), replace (PUT), merge (MERGE, PATCH), or delete. Throws `failure`.
reply write_entity(const context&, const request&, std::string_view method, const target&);

/// Gets an entity. Throws `failure`.
reply get_entity(const context&, const request&, const target&);

/// Appends an entity as JSON. `metadata_url` is that of the answer; empty within a page.
void append_entity(std::string& out, const context&, const std::string& table, const record&, metadata,
                   const std::vector<std::string>& selected, std::string_view metadata_url);

/// The names in `$select`; none: all.
std::vector<std::string> read_select(const target&);

} // namespace azkv::emulation
