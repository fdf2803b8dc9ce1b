#pragma once

#include "emulator/context.hpp"

namespace azkv::emulation {

/// A page of entities. Throws `failure`.
reply query_entities(const context&, const request&, const target&);

/// How many rows a page may have, by `$top`. Throws `failure`.
std::size_t read_top(const context&, const target&);

/// `$filter`. Throws `failure`.
filter read_filter(const context&, const target&);

} // namespace azkv::emulation
