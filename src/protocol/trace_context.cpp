#include "protocol/trace_context.hpp"

#include <azkv/error.hpp>

#include <algorithm>

namespace azkv::protocol {

namespace {

constexpr std::size_t longest_parent = 256;
constexpr std::size_t longest_state = 2048;

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_zero(std::string_view text) {
    return text.find_first_not_of('0') == text.npos;
}

// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01; later versions may have more after a hyphen.
bool is_parent(std::string_view text) {
    if (text.size() < 55 || text.size() > longest_parent) return false;
    const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32),
                           span = text.substr(36, 16);
    return text[2] == '-' && text[35] == '-' && text[52] == '-' && is_hex(version) && version != "ff"
           && is_hex(trace) && !is_zero(trace) && is_hex(span) && !is_zero(span) && is_hex(text.substr(53, 2))
           && (text.size() == 55 || (version != "00" && text[55] == '-'));
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace

std::string trace_headers(std::string_view parent, std::string_view state) {
    if (!is_parent(parent) || !is_printable(parent))
        throw error(errc::invalid_argument, "invalid traceparent: it must be 00, 32 and 16 lower-case "
                                            "hexadecimal digits that are not all zero, and 2 "
                                            "digits of flags, separated by hyphens");
    std::string headers = "traceparent: ";
    headers.append(parent).append("\r\n");
    const bool has_state = !state.empty() && state.size() <= longest_state && is_printable(state);
    if (has_state) headers.append("tracestate: ").append(state).append("\r\n");
    return headers;
}

} // namespace azkv::protocol
