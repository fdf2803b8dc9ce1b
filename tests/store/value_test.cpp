#include "support/run.hpp"

#include <azkv/value.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace azkv;
using test::contains;
using test::failure_of;

TEST_CASE("parse_value is exact") {
    const value v = parse_value(R"( {"d": 0.9856416633379175, "i": 9223372036854775807, "a": [1.5]} )");
    CHECK(v.at("d").as_double() == 0.9856416633379175);
    CHECK(v.at("i").as_int64() == 9223372036854775807);
    CHECK(v.at("a").as_array().size() == 1);
}

TEST_CASE("serialize_value writes what parse_value reads") {
    const std::string text =
        R"({"d":0.5,"w":5.0,"big":1e+300,"i":-1,"u":18446744073709551615,"s":"é\"\n","n":null,"t":true,)"
        R"("a":[],"o":{},"deep":[1,[2.5,{"x":[null]}]],"key \"q\"":1})";
    CHECK(serialize_value(parse_value(text)) == text);
    CHECK(serialize_value({}) == "{}");
    value odd;
    odd["x"] = {std::nan(""), -std::numeric_limits<double>::infinity()};
    CHECK(serialize_value(odd) == R"({"x":["NaN","-Infinity"]})");
}

TEST_CASE("parse_value reports what is wrong") {
    for (const char* text : {"", "{", "{'a':1}", "{\"a\":1} x"})
        CHECK(contains(failure_of([&] { parse_value(text); }).what(), "not JSON"));
    const std::string deep = "{\"a\":" + std::string(501, '[') + std::string(501, ']') + "}";
    CHECK(parse_value(deep).size() == 1);
    CHECK(contains(failure_of([&] { parse_value("{\"a\":" + deep + "}"); }).what(), "502 levels"));
    for (const char* text : {"{\"a\":1e400}", "{\"a\":[-1e400]}", "{\"a\":99999999999999999999}"})
        CHECK(contains(failure_of([&] { parse_value(text); }).what(), "range"));
    CHECK(parse_value("{\"a\":1e-400}").at("a").as_double() == 0); // the nearest double
    for (const char* text : {"1", "[]", "null", "\"x\""})
        CHECK(contains(failure_of([&] { parse_value(text); }).what(), "not an object"));
}
