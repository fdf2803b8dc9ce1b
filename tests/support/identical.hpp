#pragma once

#include <azkv/value.hpp>

#include <boost/json/value.hpp>

namespace azkv::test {

/// Whether two values are the same to the last bit: doubles by their bits (any NaN is any other), integers by
/// what they count whatever their sign, members in any order.
bool identical(const boost::json::value& a, const boost::json::value& b);
bool identical(const value& a, const value& b);

} // namespace azkv::test
