// Whole decimal numbers in the text of protocols. No I/O.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace azkv::support {

/// Reads a number from `least` to `most`; nullopt if the text is anything else, or has anything before or
/// after the number.
template <class T>
std::optional<T> whole_number(std::string_view text, T least, T most) {
    T n = 0;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, n);
    const bool whole = result.ec == std::errc() && result.ptr == end;
    return whole && n >= least && n <= most ? std::optional<T>(n) : std::nullopt;
}

} // namespace azkv::support
