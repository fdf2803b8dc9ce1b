// Lines of multipart bodies.
#pragma once

#include <algorithm>
#include <string_view>

namespace azkv::protocol {

/// Removes the next line from `text` and returns it. Lines end in CRLF or LF; Cosmos DB mixes them in one
/// body.
inline std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

} // namespace azkv::protocol
