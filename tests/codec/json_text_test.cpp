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

using namespace azkv;
using namespace azkv::codec;
namespace json = boost::json;

namespace {

std::string ascii(std::string_view text) {
    std::string out;
    CHECK(append_ascii_json(out, text) == utf16_length(text));
    return out;
}

std::string number(double d) {
    std::string out;
    append_double(out, d, nonfinite::words);
    return out;
}

std::optional<json::value> parse_json(std::string_view text, std::size_t levels = max_depth) {
    boost::system::error_code ec;
    return codec::parse_json(text, levels, ec);
}

std::string written(const json::value& v, nonfinite how = nonfinite::words) {
    std::string out;
    append_json(out, v, how);
    return out;
}

std::string nested(std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
}

} // namespace

TEST_CASE("doubles are written in their shortest form that reads as a double") {
    CHECK(number(5) == "5.0");
    CHECK(number(-0.0) == "-0.0");
    CHECK(number(0.1) == "0.1");
    CHECK(number(1e300) == "1e+300");
    CHECK(number(5e-324) == "5e-324");
}

TEST_CASE("every double that is written is read back to the last bit") {
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

TEST_CASE("parse_json accepts JSON and nothing else") {
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

TEST_CASE("reading and writing have the same nesting limit") {
    const auto deepest = parse_json(nested(max_depth));
    REQUIRE(deepest);
    CHECK(depth(*deepest) == max_depth);
    CHECK_FALSE(parse_json(nested(max_depth + 1)));
    CHECK(depth(json::value(1)) == 0);
}

TEST_CASE("numbers that no type holds are rejected: rounding would change what was written") {
    CHECK_FALSE(parse_json("[18446744073709551616]"));
    CHECK_FALSE(parse_json("[-9223372036854775809]"));
    CHECK_FALSE(parse_json("[1e400]"));
    CHECK(parse_json("[-9223372036854775808]"));
    CHECK(parse_json("[1e-400]"));
    CHECK(parse_json("[0e400]"));
    CHECK(parse_json("[1e-999999999]"));
    CHECK(parse_json("[0E+0999999999]"));
    for (const char* text :
         {"1e1000000000", "1e2147483647", "1e2147483648", "-1e99999999999", "1e-1000000000",
          "0.01e-2147483647", "-1e-99999999999", "0e99999999999", "0.0E+99999999999", "0e-99999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_json(text));
        CHECK_FALSE(parse_member('[' + std::string(text) + ",NaN]"));
        CHECK_FALSE(finite_double(text));
    }
}

TEST_CASE("NaN and the infinities are words in a member's text") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto v = parse_member(R"([NaN, Infinity,-Infinity, {"NaN": "Infinity \"NaN"}, 1.5])");
    REQUIRE(v);
    CHECK(std::isnan(v->at(0).as_double()));
    CHECK(v->at(1) == infinity);
    CHECK(v->at(2) == -infinity);
    CHECK(v->at(3).at("NaN") == "Infinity \"NaN");
    CHECK(v->at(4) == 1.5);
    for (const char* text : {"[-NaN]", "[NaN1]", "[1NaN]", "[NaNNaN]", "[Infinity0]", "[nan]",
                             "[1e9999999,NaN]", "[2e9999999,NaN]", "[0.NaN]", "[NaN", "[1e400,NaN]"})
        CHECK_FALSE(parse_member(text));
    CHECK_FALSE(parse_json("[NaN]"));
    CHECK(parse_member(R"(["1e9999999", NaN])")); // contents of strings do not matter

    CHECK(written({std::nan(""), infinity, -infinity}) == "[NaN,Infinity,-Infinity]");
    CHECK(written({std::nan(""), infinity, -infinity}, nonfinite::strings)
          == R"(["NaN","Infinity","-Infinity"])");
}

TEST_CASE("values are written as JSON") {
    CHECK(
        written({1, -5, std::uint64_t{1} << 63, 5.0, true, nullptr, "é\n\"\\", {{"k\t", {}}}, json::object()})
        == R"([1,-5,9223372036854775808,5.0,true,null,"é\n\"\\",{"k\t":{}},{}])");
}

TEST_CASE("a JSON text is scanned by characters and escapes") {
    CHECK(json_character("ab") == 1);
    CHECK(json_character("\\nb") == 2);
    CHECK(json_character("\\u0041b") == 6);
    CHECK(json_character("\\u00") == 4);
    CHECK(json_character("\\") == 1);
    CHECK(json_character("😀b") == 4);
    CHECK(json_character("\xFF") == 1);
}

TEST_CASE("halves of surrogate pairs are replaced") {
    CHECK(without_lone_surrogates(R"({"a":"\ud83d","b":"\ud83d\ude00\uDE00x\\ud83d"})")
          == R"({"a":"_xD83D_","b":"\ud83d\ude00_xDE00_x\\ud83d"})");
    CHECK(without_lone_surrogates(R"("\uD83D\uD83D\uDE00\u00e9")") == R"("_xD83D_\uD83D\uDE00\u00e9")");
    CHECK(without_lone_surrogates("\"\\ud8") == "\"\\ud8");
}

TEST_CASE("strings are written in ASCII") {
    CHECK(ascii("plain") == R"("plain")");
    CHECK(ascii("") == R"("")");
    CHECK(ascii("\"\\/") == R"("\"\\/")");
    CHECK(ascii(std::string("\0\b\t\n\f\r\x1f\x7f", 8)) == R"("\u0000\b\t\n\f\r\u001f\u007f")");
    CHECK(ascii("é日😀\xE2\x80\xA8") == R"("\u00e9\u65e5\ud83d\ude00\u2028")");
}

TEST_CASE("special characters are found at any position in a word") {
    for (const char special : {'"', '\\', '\x1f', '\x7f', '\0', '\xC3'}) {
        for (std::size_t at = 0; at < 20; ++at) {
            std::string text(20, ' ');
            text[at] = special;
            CHECK(plain_prefix(text) == at);
        }
    }
    CHECK(plain_prefix("!#[]~ 0123456789abcdef") == 22);
}

TEST_CASE("lengths are counted in UTF-16 units") {
    CHECK(utf16_length("") == 0);
    CHECK(utf16_length("aé日") == 3);
    CHECK(utf16_length("😀") == 2);
    CHECK(utf16_length("\xC0\x80") == std::string_view::npos);     // overlong
    CHECK(utf16_length("\xED\xA0\x80") == std::string_view::npos); // half a surrogate pair
    CHECK(utf16_length("\xF4\x90\x80\x80") == std::string_view::npos);
    CHECK(utf16_length("cut\xE6\x97") == std::string_view::npos);
    std::string out;
    CHECK(append_ascii_json(out, "cut\xE6\x97") == std::string_view::npos);
}
