#pragma once

#include <azkv/event.hpp>
#include <azkv/options.hpp>

#include <string>
#include <string_view>

namespace azkv {

inline bool is_logged(const store_options& o, log_level level) {
    return o.logger() && level <= o.log_level();
}

/// Whether there is anybody to be told of what is so important.
inline bool is_watched(const store_options& o, log_level level) {
    return o.observer() || is_logged(o, level);
}

/// Tells the observer and the logger that the options name.
void tell(const store_options& o, log_level level, const event& e) noexcept;

/// Gives the logger a line, if the options name one and want lines of this level.
void note(const store_options& o, log_level level, std::string_view line) noexcept;

/// A line for the log.
std::string describe(const event& e);

} // namespace azkv
