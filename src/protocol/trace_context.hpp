#pragma once

#include <string>
#include <string_view>

namespace azkv::protocol {

/// The headers that carry on a caller's trace (https://www.w3.org/TR/trace-context/). `state` may be empty;
/// one that is none, or longer than 2,048 characters, is left out. Throws `azkv::error`
/// (errc::invalid_argument) for a parent that is none, or longer than 256.
std::string trace_headers(std::string_view parent, std::string_view state);

} // namespace azkv::protocol
