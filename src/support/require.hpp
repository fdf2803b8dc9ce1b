#pragma once

#include <azkv/error.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace azkv {

/// Throws `errc::invalid_argument` unless that holds.
inline void require(bool holds, std::string_view message) {
    if (!holds) throw error(errc::invalid_argument, std::string(message));
}

/// The same for a time that something may take. A year keeps every deadline within the range of the clocks.
inline void require_time(std::chrono::milliseconds t, const char* name) {
    const bool sane = t.count() >= 1 && t <= std::chrono::hours(24 * 365);
    if (!sane)
        throw error(errc::invalid_argument, std::string(name) + " must be at least 1 ms and at most a year");
}

} // namespace azkv
