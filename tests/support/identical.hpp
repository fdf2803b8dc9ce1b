// An exact comparison of values.
#pragma once

#include <azkv/value.hpp>

#include <boost/json/value.hpp>

namespace azkv::test {

/// Returns whether two values are identical to the last bit: doubles by their bits (all NaNs are equal),
/// integers by their value for either signedness, members in any order.
bool identical(const boost::json::value& a, const boost::json::value& b);
bool identical(const value& a, const value& b);

} // namespace azkv::test
