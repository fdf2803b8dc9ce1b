#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace azkv::protocol {

/// `Fri, 02 Jan 2026 03:04:05 GMT`
std::string http_date(std::chrono::system_clock::time_point);

/// The time that such a text names; nullopt if it names none.
std::optional<std::chrono::sys_seconds> parse_http_date(const std::string&);

} // namespace azkv::protocol
