#include "codec/equality.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace azkv::codec {

namespace json = boost::json;

namespace {

bool is_equal_number(double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    return a == b && std::signbit(a) == std::signbit(b);
}

// Integers, whose kind depends on how they were made.
bool is_equal_integer(const json::value& a, const json::value& b) {
    const std::int64_t* const i = a.if_int64();
    const std::uint64_t* const u = b.if_uint64();
    return i && u && *i >= 0 && static_cast<std::uint64_t>(*i) == *u;
}

} // namespace

bool is_equal(const value& a, const value& b) {
    if (a.size() != b.size()) return false;
    return std::ranges::all_of(a, [&](const json::key_value_pair& member) {
        const json::value* const other = b.if_contains(member.key());
        return other && is_equal(member.value(), *other);
    });
}

bool is_equal(const json::value& a, const json::value& b) {
    if (a.kind() != b.kind()) return is_equal_integer(a, b) || is_equal_integer(b, a);
    switch (a.kind()) {
    case json::kind::null: return true;
    case json::kind::bool_: return a.get_bool() == b.get_bool();
    case json::kind::int64: return a.get_int64() == b.get_int64();
    case json::kind::uint64: return a.get_uint64() == b.get_uint64();
    case json::kind::double_: return is_equal_number(a.get_double(), b.get_double());
    case json::kind::string: return std::string_view(a.get_string()) == std::string_view(b.get_string());
    case json::kind::array:
        return std::ranges::equal(a.get_array(), b.get_array(),
                                  [](const json::value& x, const json::value& y) { return is_equal(x, y); });
    case json::kind::object: return is_equal(a.get_object(), b.get_object());
    }
    return false;
}

} // namespace azkv::codec
