// Queries of entities.
#pragma once

#include "emulator/context.hpp"

namespace azkv::emulation {

/// Returns a page of entities. Throws `failure`.
reply query_entities(const context&, const request&, const target&);

/// Returns the largest number of rows of a page, from `$top`. Throws `failure`.
std::size_t read_top(const context&, const target&);

/// Returns the `$filter`. Throws `failure`.
filter read_filter(const context&, const target&);

} // namespace azkv::emulation
