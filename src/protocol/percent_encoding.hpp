// Percent-encoding of text in the path or the query of a URL.
#pragma once

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace azkv::protocol {

/// Appends `text` with all characters encoded except unreserved ones. (The `encode` of Boost.URL 1.81 that
/// returns a string terminates the process when it runs out of memory.)
inline void append_encoded(std::string& out, std::string_view text) {
    const auto& plain = boost::urls::unreserved_chars;
    const auto first = static_cast<std::size_t>(std::ranges::find_if_not(text, plain) - text.begin());
    out.append(text.substr(0, first));
    text.remove_prefix(first);
    if (text.empty()) return; // true of most keys
    const std::size_t at = out.size();
    const std::size_t size = boost::urls::encoded_size(text, plain);
    out.resize(at + size);
    boost::urls::encode(out.data() + at, size, text, plain);
}

} // namespace azkv::protocol
