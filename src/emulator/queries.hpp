// Queries of entities.
#pragma once

#include "emulator/context.hpp"
#include "emulator/filter.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// Returns a page of entities. Throws `failure`.
reply query_entities(const context&, const request&, const target&);

/// Returns the body of a list. `rows` are its elements, with commas between them; without `metadata_url` if
/// empty.
std::string list_body(std::string_view rows, const std::string& metadata_url, service_mode);

/// Returns the largest number of rows of a page, from `$top`. Throws `failure`.
std::size_t read_top(const context&, const target&);

/// Returns the `$filter`. Throws `failure`.
filter read_filter(const context&, const target&);

} // namespace azkv::emulation
