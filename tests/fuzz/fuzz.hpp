// The entry point of a fuzz target, and its checks.
#pragma once

#include <azkv/error.hpp>

#include <boost/system/error_code.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace azkv::fuzz {

/// Checks one input; each target defines it. Returns false if the input is not worth keeping.
bool check(std::string_view input);

/// Ends the program, and so reports the input, unless `holds`.
inline void require(bool holds, const char* property) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", property);
    std::abort();
}

/// Returns what `f` returns; nullopt if it throws `azkv::error`. Any other exception ends the program.
template <class F>
auto unless_refused(F f, boost::system::error_code* why = nullptr) -> std::optional<decltype(f())> {
    try {
        return f();
    } catch (const error& e) {
        require(*e.what() != '\0', "an error says what is wrong");
        if (why) *why = e.code();
        return std::nullopt;
    }
}

/// Takes the first line, which holds what the body does not: the rest.
inline std::string_view take_line(std::string_view& input) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(line.size() < input.size() ? line.size() + 1 : line.size());
    return line;
}

} // namespace azkv::fuzz
