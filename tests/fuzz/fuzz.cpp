#include "fuzz.hpp"

#include <boost/json/value.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace azkv::fuzz {

bool same(const value& a, const value& b) {
    if (a.size() != b.size()) return false;
    for (const auto& member : a) {
        const auto* const other = b.if_contains(member.key());
        if (!other || !same(member.value(), *other)) return false;
    }
    return true;
}

bool same(const boost::json::value& a, const boost::json::value& b) {
    if (const auto* o = a.if_object()) return b.is_object() && same(*o, b.get_object());
    if (const auto* items = a.if_array()) {
        if (!b.is_array() || items->size() != b.get_array().size()) return false;
        for (std::size_t i = 0; i < items->size(); ++i)
            if (!same((*items)[i], b.get_array()[i])) return false;
        return true;
    }
    if (const auto* d = a.if_double(); d && b.is_double() && std::isnan(*d))
        return std::isnan(b.get_double());
    return a == b; // 64-bit integers are compared by what they are, signed or not
}

} // namespace azkv::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    return azkv::fuzz::check(input) ? 0 : -1;
}
