#include "emulator/edm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace azkv::emulation;
using namespace std::string_literals;

namespace {

constexpr ticks a_second = 10'000'000, an_hour = 3600 * a_second, a_day = 24 * an_hour;

std::string trimmed(std::string_view text) {
    const auto t = parse_date_time(text);
    return t ? format_date_time(*t, fraction::trimmed) : "none";
}

// The UTF-16 code units of a text, computed in another way.
std::u16string units(const std::u32string& text) {
    std::u16string out;
    for (const char32_t c : text) {
        if (c < 0x10000) {
            out.push_back(static_cast<char16_t>(c));
        } else {
            out.push_back(static_cast<char16_t>(0xD7C0 + (c >> 10)));
            out.push_back(static_cast<char16_t>(0xDC00 + (c & 0x3FF)));
        }
    }
    return out;
}

std::string utf8(const std::u32string& text) {
    std::string out;
    const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
    for (const char32_t c : text) {
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xC0 | c >> 6), put(0x80 | (c & 63));
        } else if (c < 0x10000) {
            put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
        } else {
            put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 63)), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
        }
    }
    return out;
}

} // namespace

TEST_CASE("the types of the data model have names") {
    for (const edm type : {edm::string, edm::int32, edm::int64, edm::real, edm::boolean, edm::date_time,
                           edm::guid, edm::binary})
        CHECK(edm_named(edm_name(type)) == type);
    CHECK(edm_name(edm::real) == "Edm.Double");
    CHECK(edm_name(edm::binary) == "Edm.Binary");
    CHECK(edm_named("Edm.DateTime") == edm::date_time);
    for (const char* name : {"", "Edm", "Edm.", "edm.string", "Edm.Byte", "String", "Edm.Null"}) {
        CAPTURE(name);
        CHECK(!edm_named(name));
    }
}

TEST_CASE("times are counted from 1601") {
    CHECK(parse_date_time("1601-01-01T00:00:00Z") == 0);
    CHECK(parse_date_time("1601-01-02T01:00:00.0000001Z") == a_day + an_hour + 1);
    CHECK(parse_date_time("1970-01-01T00:00:00Z") == 116'444'736'000'000'000);
    CHECK(parse_date_time("9999-12-31T23:59:59.9999999Z") == 2'650'467'743'999'999'999);
    CHECK(now_in_ticks(0) == 116'444'736'000'000'000);
    CHECK(now_in_ticks(1'577'934'245'123'456) == parse_date_time("2020-01-02T03:04:05.123456Z"));
}

TEST_CASE("what is a time") {
    CHECK(trimmed("2020-01-02T03:04:05.1234567Z") == "2020-01-02T03:04:05.1234567Z");
    CHECK(trimmed("2020-01-02T03:04:05.1200000Z") == "2020-01-02T03:04:05.12Z");
    CHECK(trimmed("2020-01-02T03:04:05.0000000Z") == "2020-01-02T03:04:05Z");
    CHECK(trimmed("2020-01-02T03:04:50Z") == "2020-01-02T03:04:50Z");
    CHECK(trimmed("2020-01-02T03:04:05.5") == "2020-01-02T03:04:05.5Z");
    CHECK(trimmed("2020-01-02T03:04Z") == "2020-01-02T03:04:00Z");
    CHECK(trimmed("2020-01-02T03:04") == "2020-01-02T03:04:00Z");
    CHECK(trimmed("2020-01-02") == "2020-01-02T00:00:00Z");
    CHECK(trimmed("2020-02-29T23:59:59Z") == "2020-02-29T23:59:59Z");
    CHECK(trimmed("2000-02-29") == "2000-02-29T00:00:00Z");
    CHECK(trimmed("2020-01-01T00:30:00+01:00") == "2019-12-31T23:30:00Z");
    CHECK(trimmed("2020-12-31T23:30:00.25-01:30") == "2021-01-01T01:00:00.25Z");
    CHECK(trimmed("2020-01-02T03:04+14:00") == "2020-01-01T13:04:00Z");
    CHECK(trimmed("1600-12-31T23:30:00-01:00") == "1601-01-01T00:30:00Z");
}

TEST_CASE("what is not a time") {
    for (const char* text : {"",
                             "Z",
                             "2020",
                             "2020-01",
                             "2020-1-02",
                             "2020-01-2",
                             "20-01-02",
                             "02020-01-02",
                             "2020/01/02",
                             "2020-13-01",
                             "2020-00-01",
                             "2020-01-00",
                             "2020-04-31",
                             "2019-02-29",
                             "1900-02-29",
                             "2020-01-02Z",
                             "2020-01-02T",
                             "2020-01-02T03",
                             "2020-01-02T03Z",
                             "2020-01-02T3:04",
                             "2020-01-02 03:04:05Z",
                             "2020-01-02t03:04:05Z",
                             "2020-01-02T03:04:05z",
                             "2020-01-02T24:00:00Z",
                             "2020-01-02T03:60:00Z",
                             "2020-01-02T03:04:60Z",
                             "2020-01-02T03:04:",
                             "2020-01-02T03:04:5Z",
                             "2020-01-02T03:04:05.Z",
                             "2020-01-02T03:04:05.12345678Z",
                             "2020-01-02T03:04:05,5Z",
                             "2020-01-02T03:04:05.-1Z",
                             "2020-01-02T03:04:05ZZ",
                             "2020-01-02T03:04:05Z ",
                             " 2020-01-02T03:04:05Z",
                             "2020-01-02T03:04:05+",
                             "2020-01-02T03:04:05+1:00",
                             "2020-01-02T03:04:05+0100",
                             "2020-01-02T03:04:05+14:01",
                             "2020-01-02T03:04:05+01:60",
                             "2020-01-02T03:04:05Z+01:00",
                             "2020-01-02T03:04:05+01:00Z",
                             "+020-01-02T03:04:05Z",
                             "-020-01-02T03:04:05Z",
                             "2020-01-02T-1:04:05Z",
                             "2020-01-02T03:04.5Z",
                             "1600-12-31T23:59:59.9999999Z",
                             "1601-01-01T00:00:00+00:01",
                             "0000-01-01",
                             "0001-01-01T00:00:00Z",
                             "9999-12-31T23:59:59.9999999-00:01"}) {
        CAPTURE(text);
        CHECK(!parse_date_time(text));
    }
    CHECK(!parse_date_time("2020-01-02\0"s));
}

TEST_CASE("times are read as they are written") {
    CHECK(format_date_time(0, fraction::seven) == "1601-01-01T00:00:00.0000000Z");
    CHECK(format_date_time(a_day + 120, fraction::seven) == "1601-01-02T00:00:00.0000120Z");
    CHECK(format_date_time(a_day + 120, fraction::trimmed) == "1601-01-02T00:00:00.000012Z");
    std::mt19937_64 random(1);
    std::uniform_int_distribution<ticks> any(0, 2'650'467'743'999'999'999);
    for (int i = 0; i < 10'000; ++i) {
        ticks t = any(random);
        if (i % 3 == 0) t -= t % a_second;
        if (i % 7 == 0) t -= t % a_day;
        const std::string seven = format_date_time(t, fraction::seven);
        CAPTURE(seven);
        CHECK(seven.size() == 28);
        CHECK(parse_date_time(seven) == t);
        CHECK(parse_date_time(format_date_time(t, fraction::trimmed)) == t);
        if (i % 3 == 0) CHECK(format_date_time(t, fraction::trimmed).size() == 20);
    }
}

TEST_CASE("guids") {
    CHECK(parse_guid("01234567-89ab-cdef-ABCD-EF0123456789") == "01234567-89ab-cdef-abcd-ef0123456789");
    for (const char* text :
         {"", "0123456789abcdefabcdef0123456789", "{01234567-89ab-cdef-abcd-ef0123456789}",
          "01234567-89ab-cdef-abcd-ef012345678", "01234567-89ab-cdef-abcd-ef01234567890",
          "0123456-789ab-cdef-abcd-ef0123456789", "0123456g-89ab-cdef-abcd-ef0123456789",
          "01234567-89ab-cdef-abcd_ef0123456789", "01234567--9ab-cdef-abcd-ef0123456789"}) {
        CAPTURE(text);
        CHECK(!parse_guid(text));
    }
}

TEST_CASE("hexadecimal digits") {
    CHECK(decode_hex("") == "");
    CHECK(decode_hex("00ff7Fa0") == "\0\xFF\x7F\xA0"s);
    for (const char* text : {"0", "000", "0g", "-1", "+1", " 1", "0x", "0 ", "\xC3\xA9"}) {
        CAPTURE(text);
        CHECK(!decode_hex(text));
    }
}

TEST_CASE("texts sort by UTF-16 code units") {
    CHECK(sort_key("") == "");
    CHECK(sort_key("aé日\uFFFD") == "aé日\uFFFD");
    CHECK(sort_key("a\U0001F600b")
          == "a\xED\xA0\xBD\xED\xB8\x80"
             "b");
    CHECK(sort_key("\U0001F600") < sort_key("\uFF00"));
    CHECK(sort_key("\U0001F600") > sort_key("\uD7FF"));
    CHECK(sort_key("a") < sort_key("a\U0001F600"));
    CHECK(text_of_sort_key("\xED\x9F\xBF\xED\xA0\xBD\xED\xB8\x80") == "\uD7FF\U0001F600");
    for (const std::string text : {"\xF0", "a\xF0\x9F\x98", "\xFF\xFE", "\xF8\x88\x80\x80\x80x"})
        CHECK(sort_key(text) == text); // terminates
    for (const std::string key : {"\xED", "\xED\xA0", "\xED\xA0\xBD\xED\xB8"})
        CHECK(text_of_sort_key(key) == key);

    constexpr char32_t edges[] = {0,      'a',    0x7F,   0x80,    0x7FF,   0x800,   0xCFFF,  0xD000,
                                  0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x103FF, 0x10400, 0x1F600, 0x10FFFF};
    std::mt19937_64 random(1);
    const auto some_text = [&] {
        std::u32string text;
        for (auto n = random() % 4; n > 0; --n) text.push_back(edges[random() % std::size(edges)]);
        return text;
    };
    for (int i = 0; i < 20'000; ++i) {
        const auto a = some_text(), b = some_text();
        CHECK((sort_key(utf8(a)) <=> sort_key(utf8(b))) == (units(a) <=> units(b)));
        CHECK(text_of_sort_key(sort_key(utf8(a))) == utf8(a));
    }
}
