// W3C trace context headers.
#pragma once

#include <string>
#include <string_view>

namespace azkv::protocol {

/// Returns the headers that continue the caller's trace (https://www.w3.org/TR/trace-context/). Omits `state`
/// if it is empty, not valid, or longer than 2,048 characters. Throws `azkv::error` (errc::invalid_argument)
/// if `parent` is not valid or is longer than 256 characters.
std::string trace_headers(std::string_view parent, std::string_view state);

} // namespace azkv::protocol
