// Dates in HTTP headers.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace azkv::protocol {

/// Formats a time: `Fri, 02 Jan 2026 03:04:05 GMT`.
std::string http_date(std::chrono::system_clock::time_point);

/// Parses such a date; nullopt if it is not valid.
std::optional<std::chrono::sys_seconds> parse_http_date(const std::string&);

} // namespace azkv::protocol
