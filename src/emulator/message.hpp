// HTTP messages of the emulator.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::emulation {

using headers = std::vector<std::pair<std::string, std::string>>;

/// Compares two header names, ignoring the case of ASCII letters.
inline bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// Returns the value of a header; null if there is none.
inline const std::string* find_header(const headers& all, std::string_view name) {
    const auto found = std::ranges::find_if(all, [&](const auto& h) { return same_name(h.first, name); });
    return found == all.end() ? nullptr : &found->second;
}

/// A request to the service, or one within a batch.
class request {
public:
    std::string method;
    std::string target; // as on the wire; absolute within a batch
    emulation::headers headers;
    std::string body;

    /// Returns the value of a header; empty if there is none.
    std::string_view header(std::string_view name) const {
        const std::string* const text = find_header(headers, name);
        return text ? std::string_view(*text) : std::string_view();
    }
};

/// Where a request comes from.
class origin {
public:
    bool tls = false;
    std::string address; // of the client
};

class reply {
public:
    unsigned status = 0;
    emulation::headers headers;
    std::string body;
    std::size_t rows = 0; // in a page of entities
};

} // namespace azkv::emulation
