// ASCII text of protocols, independent of the program's locale. No I/O.
#pragma once

#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::ascii {

inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return boost::urls::grammar::to_lower(c); });
    return lower;
}

/// Ignores case. (`boost::urls::grammar::ci_is_equal` of Boost 1.81 reads a byte beyond the end.)
inline bool is_equal(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char c, char d) {
        return c == d || boost::urls::grammar::to_lower(c) == boost::urls::grammar::to_lower(d);
    });
}

/// Returns `text` without leading and trailing blanks and line ends.
inline std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1); // npos + 1 is 0
}

/// Returns the items of a list that commas separate, without the blanks around them. A comma at the end adds
/// no item.
inline std::vector<std::string_view> list_items(std::string_view text) {
    std::vector<std::string_view> items;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        items.push_back(trim(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return items;
}

/// Returns the offset of the first `part` in `text`, ignoring case; npos if there is none.
inline std::size_t find_ignoring_case(std::string_view text, std::string_view part) {
    const auto found = std::ranges::search(text, part, [](char a, char b) {
        return boost::urls::grammar::to_lower(a) == boost::urls::grammar::to_lower(b);
    });
    return found.empty() && !part.empty() ? text.npos
                                          : static_cast<std::size_t>(found.begin() - text.begin());
}

} // namespace azkv::ascii
