// Telemetry: passes events and lines to the observer and the logger.
#pragma once

#include <azkv/event.hpp>
#include <azkv/options.hpp>

#include <string>
#include <string_view>

namespace azkv::client {

inline bool is_logged(const store_options& o, log_level level) {
    return o.logger() && level <= o.log_level();
}

/// Returns true if the observer, or the logger at this level, would receive an event.
inline bool is_observed(const store_options& o, log_level level) {
    return o.observer() || is_logged(o, level);
}

/// Passes an event to the observer and, as a line, to the logger.
void emit(const store_options& o, log_level level, const event& e) noexcept;

/// Passes a line to the logger.
void log(const store_options& o, log_level level, std::string_view line) noexcept;

/// Returns the log line for an event.
std::string describe(const event& e);

} // namespace azkv::client
