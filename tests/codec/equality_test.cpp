#include "codec/equality.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <limits>

using namespace azkv;
using namespace azkv::codec;
namespace json = boost::json;

TEST_CASE("values that the service would store alike are equal") {
    const auto is_same = [](const char* a, const char* b) {
        return is_equal(json::parse(a), json::parse(b));
    };
    CHECK(is_same(R"({"a":1,"b":[1,{"c":null}]})", R"({"b":[1,{"c":null}],"a":1})"));
    CHECK(is_same("18446744073709551615", "18446744073709551615"));
    CHECK(is_equal(json::value(std::int64_t{5}), json::value(std::uint64_t{5})));
    CHECK(is_equal(json::value(std::uint64_t{5}), json::value(std::int64_t{5})));
    const json::value nan(std::numeric_limits<double>::quiet_NaN());
    CHECK(is_equal(nan, nan));
    for (const auto& [a, b] :
         {std::pair{"1", "1.0"}, std::pair{"1", "2"}, std::pair{"0.0", "-0.0"}, std::pair{"null", "false"},
          std::pair{"\"1\"", "1"}, std::pair{"[1]", "[1,2]"}, std::pair{R"({"a":1})", R"({"b":1})"},
          std::pair{R"({"a":1})", R"({"a":1,"b":1})"}, std::pair{"true", "false"},
          std::pair{"\"a\"", "\"b\""}, std::pair{"[1,2]", "[2,1]"}, std::pair{"1.5", "2.5"},
          std::pair{"18446744073709551615", "18446744073709551614"}}) {
        CAPTURE(a);
        CAPTURE(b);
        CHECK_FALSE(is_same(a, b));
        CHECK_FALSE(is_same(b, a));
    }
    CHECK_FALSE(
        is_equal(json::value(std::int64_t{-1}), json::value(std::numeric_limits<std::uint64_t>::max())));
}
