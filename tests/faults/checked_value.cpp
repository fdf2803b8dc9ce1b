#include "faults/checked_value.hpp"

namespace azkv::test {

namespace {

// FNV-1a.
std::uint64_t checksum(const std::string& key, std::uint64_t version) {
    std::uint64_t sum = 14695981039346656037u;
    for (const char c : key + '#' + std::to_string(version))
        sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return sum;
}

} // namespace

value checked_value(const std::string& key, std::uint64_t version) {
    value v;
    v["key"] = key;
    v["version"] = version;
    v["sum"] = std::to_string(checksum(key, version));
    v["text"] = std::string(version % 50, static_cast<char>('a' + version % 26));
    return v;
}

std::optional<std::uint64_t> version_of(const std::string& key, const value& v) {
    const auto* const found = v.if_contains("version");
    if (!found || !found->is_int64()) return std::nullopt;
    const auto version = static_cast<std::uint64_t>(found->as_int64());
    value expected = checked_value(key, version);
    expected["version"] = found->as_int64(); // integers are decoded as signed
    return v == expected ? std::optional(version) : std::nullopt;
}

} // namespace azkv::test
