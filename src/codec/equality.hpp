// Whether two values are the same.
#pragma once

#include <azkv/value.hpp>

#include <boost/json/value.hpp>

namespace azkv::codec {

/// Returns whether the service would store them alike: members in any order, numbers with their type, NaN
/// equal to itself. Allocates nothing. (Boost.JSON's own operators, up to 1.81 at least, copy what they
/// compare although they are `noexcept`: without memory they end the process.)
bool is_equal(const boost::json::value& a, const boost::json::value& b);
bool is_equal(const value& a, const value& b);

} // namespace azkv::codec
