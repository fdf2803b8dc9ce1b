// Checks of arguments.
#pragma once

#include <azkv/error.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace azkv {

/// Throws `azkv::error` (errc::invalid_argument) unless `holds`.
inline void require(bool holds, std::string_view message) {
    if (!holds) throw error(errc::invalid_argument, std::string(message));
}

/// Throws unless a duration is from 1 ms to a year, which keeps every deadline within the range of the
/// clocks.
inline void require_time(std::chrono::milliseconds t, const char* name) {
    const bool valid = t.count() >= 1 && t <= std::chrono::hours(24 * 365);
    if (!valid)
        throw error(errc::invalid_argument, std::string(name) + " must be at least 1 ms and at most a year");
}

} // namespace azkv
