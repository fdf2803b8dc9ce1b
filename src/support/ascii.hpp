// Text of protocols: letters, digits and blanks of ASCII, whatever the program's locale is.
#pragma once

#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace azkv::ascii {

inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return boost::urls::grammar::to_lower(c); });
    return lower;
}

/// Without regard to case. (`boost::urls::grammar::ci_is_equal` reads a byte behind the end, in Boost 1.81.)
inline bool is_equal(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char c, char d) {
        return c == d || boost::urls::grammar::to_lower(c) == boost::urls::grammar::to_lower(d);
    });
}

/// `text` without the blanks and line ends around it.
inline std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1); // npos + 1 is 0
}

/// Offset of the first `part`, in upper or lower case, of `text`; npos if there is none.
inline std::size_t find_ignoring_case(std::string_view text, std::string_view part) {
    const auto found = std::ranges::search(text, part, [](char a, char b) {
        return boost::urls::grammar::to_lower(a) == boost::urls::grammar::to_lower(b);
    });
    return found.empty() && !part.empty() ? text.npos
                                          : static_cast<std::size_t>(found.begin() - text.begin());
}

} // namespace azkv::ascii
