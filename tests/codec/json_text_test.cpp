#include "codec/json_text.hpp"
#include "codec/utf.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

using namespace azkv::codec;
namespace json = boost::json;

namespace {

std::string ascii(std::string_view text) {
    std::string out;
    append_ascii_json(out, text);
    return out;
}

std::string number(double d) {
    std::string out;
    append_double(out, d);
    return out;
}

std::string nested(std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
}

} // namespace

TEST_CASE("doubles are written shortest, and as doubles") {
    CHECK(number(5) == "5.0");
    CHECK(number(-0.0) == "-0.0");
    CHECK(number(0.1) == "0.1");
    CHECK(number(1e300) == "1e+300");
    CHECK(number(5e-324) == "5e-324");
}

TEST_CASE("every double that is written is read back, to the last bit") {
    std::mt19937_64 random(20261122);
    for (int i = 0; i < 200'000; ++i) {
        const double d = std::bit_cast<double>(random());
        if (!std::isfinite(d)) continue;
        const std::string alone = number(d);
        REQUIRE(std::bit_cast<std::uint64_t>(exact_double(alone)) == std::bit_cast<std::uint64_t>(d));
        if (i % 20 == 0) { // and inside a JSON text, as Boost.JSON writes it
            const auto read = parse_json(json::serialize(json::array{d}));
            REQUIRE(read);
            REQUIRE(std::bit_cast<std::uint64_t>(read->at(0).as_double()) == std::bit_cast<std::uint64_t>(d));
        }
    }
}

TEST_CASE("numbers beyond the range of doubles") {
    CHECK(exact_double("1e400") == std::numeric_limits<double>::infinity());
    CHECK(exact_double("-1e400") == -std::numeric_limits<double>::infinity());
    CHECK(exact_double("1e-400") == 0);
    CHECK(std::signbit(exact_double("-1e-400")));
    const std::string zeros(400, '0');
    CHECK(exact_double("0." + zeros + "1") == 0);
    CHECK(exact_double("1" + zeros + "e-10") == std::numeric_limits<double>::infinity());
    CHECK(exact_double("1" + zeros) == std::numeric_limits<double>::infinity());
    CHECK(exact_double("0." + zeros + "1e+400") == 0.1);
    CHECK(exact_double("1e99999999999999999999") == std::numeric_limits<double>::infinity());
    CHECK(exact_double("-1e-99999999999999999999") == 0);
}

TEST_CASE("parse_json takes JSON and nothing else") {
    CHECK(parse_json("null"));
    CHECK(parse_json("[1,2.5,\"x\",{\"a\":null}]") == json::value({1, 2.5, "x", {{"a", nullptr}}}));
    CHECK(parse_json("18446744073709551615") == json::value(std::numeric_limits<std::uint64_t>::max()));
    CHECK_FALSE(parse_json(""));
    CHECK_FALSE(parse_json("{"));
    CHECK_FALSE(parse_json("[1,]"));
    CHECK_FALSE(parse_json("[1] x"));
    CHECK_FALSE(parse_json("\"\xFF\""));
    CHECK_FALSE(parse_json("NaN"));
}

TEST_CASE("nesting is limited on both sides alike") {
    const auto deepest = parse_json(nested(max_depth));
    REQUIRE(deepest);
    CHECK(depth(*deepest) == max_depth);
    CHECK_FALSE(parse_json(nested(max_depth + 1)));
    CHECK(depth(json::value(1)) == 0);
}

TEST_CASE("has_nonfinite looks everywhere") {
    CHECK_FALSE(has_nonfinite(json::value({1, 2.0, {{"a", "NaN"}}})));
    json::value v = {{"a", {1, {{"b", std::numeric_limits<double>::quiet_NaN()}}}}};
    CHECK(has_nonfinite(v));
    CHECK(has_nonfinite(json::value(-std::numeric_limits<double>::infinity())));
}

TEST_CASE("strings are written in ASCII") {
    CHECK(ascii("plain") == R"("plain")");
    CHECK(ascii("") == R"("")");
    CHECK(ascii("\"\\/") == R"("\"\\/")");
    CHECK(ascii(std::string("\0\n\x7f", 3)) == R"("\u0000\u000a\u007f")");
    CHECK(ascii("é日😀\xE2\x80\xA8") == R"("\u00e9\u65e5\ud83d\ude00\u2028")");
}

TEST_CASE("lengths are counted in UTF-16 units") {
    CHECK(utf16_length("") == 0);
    CHECK(utf16_length("aé日") == 3);
    CHECK(utf16_length("😀") == 2);
    CHECK(utf16_length("\xC0\x80") == std::string_view::npos);     // overlong
    CHECK(utf16_length("\xED\xA0\x80") == std::string_view::npos); // half a surrogate pair
    CHECK(utf16_length("\xF4\x90\x80\x80") == std::string_view::npos);
    CHECK(utf16_length("cut\xE6\x97") == std::string_view::npos);
}
