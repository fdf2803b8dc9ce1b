#include "support/identical.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

namespace azkv::test {

namespace json = boost::json;

bool identical(const value& a, const value& b) {
    if (a.size() != b.size()) return false;
    for (const auto& member : a) {
        const json::value* const other = b.if_contains(member.key());
        if (!other || !identical(member.value(), *other)) return false;
    }
    return true;
}

bool identical(const json::value& a, const json::value& b) {
    if (a.is_object() && b.is_object()) return identical(a.get_object(), b.get_object());
    if (a.is_array() && b.is_array()) {
        const json::array &x = a.get_array(), &y = b.get_array();
        if (x.size() != y.size()) return false;
        for (std::size_t i = 0; i < x.size(); ++i)
            if (!identical(x[i], y[i])) return false;
        return true;
    }
    if (a.is_double() && b.is_double()) {
        const double x = a.get_double(), y = b.get_double();
        return (std::isnan(x) && std::isnan(y))
               || std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
    }
    return a == b; // a string is not a number, a double not an integer
}

} // namespace azkv::test
