#include "emulator/failure.hpp"
#include "emulator/filter.hpp"
#include "support/in_range.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace azkv::emulation;
using namespace std::string_literals;

namespace {

entity with_keys(std::string partition_key, std::string row_key) {
    entity e;
    e.partition_key.text = std::move(partition_key);
    e.row_key.text = std::move(row_key);
    return e;
}

entity with(edm_value value) {
    entity e = with_keys("p", "r");
    e.properties.push_back({"P", std::move(value)});
    return e;
}

filter filter_of(std::string_view text) {
    return filter::parse(text, service_mode::storage);
}

bool matches(std::string_view text, const entity& e) {
    return filter_of(text).matches(e);
}

// The message with which it is refused; empty if it is not.
std::string refusal(std::string_view text, service_mode mode = service_mode::storage) {
    try {
        filter::parse(text, mode);
        return {};
    } catch (const failure& f) {
        CHECK(f.status() == 400);
        CHECK(f.code() == "InvalidInput"s);
        return f.message();
    }
}

bool is_refused(std::string_view text) {
    return !refusal(text).empty();
}

// Which of `eq ne gt ge lt le` hold for a property P that is `value`, as a text of six digits.
std::string comparisons(const edm_value& value, const std::string& literal) {
    const entity e = with(value);
    std::string held, mirrored;
    for (const char* op : {"eq", "ne", "gt", "ge", "lt", "le"})
        held += matches("P "s + op + " " + literal, e) ? '1' : '0';
    for (const char* op : {"eq", "ne", "lt", "le", "gt", "ge"}) // with the literal first
        mirrored += matches(literal + " " + op + " P", e) ? '1' : '0';
    CHECK(held == mirrored);
    return held;
}

constexpr const char *less = "010011", *equal = "100101", *greater = "011100", *unordered = "010000",
                     *incomparable = "000000";

std::string repeated(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
}

} // namespace

TEST_CASE("an empty filter matches everything") {
    const entity e = with_keys("p", "r");
    CHECK(filter().matches(e));
    for (const char* text : {"", " ", " \t\r\n"}) CHECK(matches(text, e));
    CHECK(filter().is_on_keys_only());
}

TEST_CASE("integers are compared by value") {
    for (const edm type : {edm::int32, edm::int64}) {
        const edm_value five(type, 5);
        for (const char* literal :
             {"5", "5L", "5l", "5.0", "5d", "5D", "5.0d", "0.5e1", "50E-1", "5e+0", "005"})
            CHECK(comparisons(five, literal) == equal);
        for (const char* literal : {"6", "6L", "5.5", "1e300", "3000000000", "9223372036854775807"})
            CHECK(comparisons(five, literal) == less);
        for (const char* literal : {"4", "-5", "-5L", "4.5", "-1.5e-3", "-1e300", "-9223372036854775808"})
            CHECK(comparisons(five, literal) == greater);
        CHECK(comparisons(five, "'5'") == less);
        for (const char* literal : {"true", "datetime'2020-01-01T00:00:00Z'", "X'05'",
                                    "guid'00000000-0000-0000-0000-000000000005'"})
            CHECK(comparisons(five, literal) == incomparable);
    }
}

TEST_CASE("integers and doubles are compared exactly") {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    CHECK(comparisons(edm_value(edm::int64, 9007199254740993), "9007199254740992.0") == greater);
    CHECK(comparisons(edm_value(edm::int64, 9007199254740992), "9007199254740992.0") == equal);
    CHECK(comparisons(edm_value(9007199254740992.0), "9007199254740993") == less);
    CHECK(comparisons(edm_value(edm::int64, most), "9223372036854775808.0") == less);
    CHECK(comparisons(edm_value(edm::int64, least), "-9223372036854775808.0") == equal);
    CHECK(comparisons(edm_value(edm::int64, least), "-9223372036854777856.0") == greater);
    CHECK(comparisons(edm_value(edm::int32, -1), "-1.5") == greater);
    CHECK(comparisons(edm_value(edm::int32, -2), "-1.5") == less);
    CHECK(comparisons(edm_value(edm::int32, 0), "-0.0") == equal);
    CHECK(comparisons(edm_value(edm::int32, 0), "1e-320") == less);
    CHECK(comparisons(edm_value(0.1), "0.1") == equal);
    CHECK(comparisons(edm_value(0.1), "0.10000000000000002") == less);
    CHECK(comparisons(edm_value(std::numeric_limits<double>::infinity()), "1.7976931348623157e308")
          == greater);
    CHECK(comparisons(edm_value(-std::numeric_limits<double>::infinity()), "-9223372036854775808") == less);
    for (const char* literal : {"0", "0L", "0.0"})
        CHECK(comparisons(edm_value(std::numeric_limits<double>::quiet_NaN()), literal) == unordered);
}

TEST_CASE("texts are compared by UTF-16 code units") {
    const auto text = [](std::string s) { return edm_value(edm::string, std::move(s)); };
    CHECK(comparisons(text("it's"), "'it''s'") == equal);
    CHECK(comparisons(text(""), "''") == equal);
    CHECK(comparisons(text("'"), "''''") == equal);
    CHECK(comparisons(text("''a''"), "'''''a'''''") == equal);
    CHECK(comparisons(text("a b)and("), "'a b)and('") == equal);
    CHECK(comparisons(text("a"), "'A'") == greater);
    CHECK(comparisons(text("a"), "'aa'") == less);
    CHECK(comparisons(text("10"), "'9'") == less);
    CHECK(comparisons(text("\U0001F600"), "'\uFF00'") == less);
    CHECK(comparisons(text("x\uE000"), "'x\U0010FFFFz'") == greater);
    CHECK(comparisons(text("\U0001F600"), "'\uD7FF'") == greater);
    CHECK(comparisons(text("\U0001F600"), "'\U0001F601'") == less);
    CHECK(comparisons(text("a\0b"s), "'a\0b'"s) == equal);
    CHECK(comparisons(text("5"), "5") == incomparable);
    CHECK(comparisons(text("true"), "true") == incomparable);

    constexpr const char* pieces[] = {"a",      "b",      "\x7F",   "é",          "日",
                                      "\uD7FF", "\uE000", "\uFFFF", "\U00010000", "\U0010FFFF"};
    std::mt19937_64 random(1);
    const auto some_text = [&] {
        std::string s;
        for (auto n = random() % 4; n > 0; --n) s += pieces[random() % std::size(pieces)];
        return s;
    };
    for (int i = 0; i < 2000; ++i) {
        const std::string a = some_text(), b = some_text();
        const std::string expected = sort_key(a) < sort_key(b) ? less : a == b ? equal : greater;
        CHECK(comparisons(text(a), "'" + b + "'") == expected);
    }
}

TEST_CASE("the other types are compared with their own") {
    const edm_value yes(edm::boolean, 1), no(edm::boolean, std::int64_t{0});
    CHECK(comparisons(yes, "true") == equal);
    CHECK(comparisons(no, "true") == less);
    CHECK(comparisons(yes, "false") == greater);
    CHECK(comparisons(yes, "1") == incomparable);

    const edm_value time(edm::date_time, *parse_date_time("2020-01-02T03:04:05.1234567Z"));
    CHECK(comparisons(time, "datetime'2020-01-02T03:04:05.1234567Z'") == equal);
    CHECK(comparisons(time, "datetime'2020-01-02T04:04:05.1234567+01:00'") == equal);
    CHECK(comparisons(time, "datetime'2020-01-02T03:04:05.1234568Z'") == less);
    CHECK(comparisons(time, "datetime'2020-01-02'") == greater);
    CHECK(comparisons(time, "'2020-01-02T03:04:05.1234567Z'") == less);

    const edm_value guid(edm::guid, "01234567-89ab-cdef-abcd-ef0123456789"s);
    CHECK(comparisons(guid, "guid'01234567-89AB-cdef-abcd-ef0123456789'") == equal);
    CHECK(comparisons(guid, "guid'01234567-89ab-cdef-abcd-ef012345678a'") == less);
    CHECK(comparisons(guid, "'01234567-89ab-cdef-abcd-ef0123456789'") == incomparable);

    const edm_value bytes(edm::binary, "\x01\xF0"s);
    for (const char* literal : {"X'01f0'", "x'01F0'", "binary'01f0'"})
        CHECK(comparisons(bytes, literal) == equal);
    CHECK(comparisons(bytes, "X'01EE'") == greater); // bytes are not a text
    CHECK(comparisons(bytes, "X'01F000'") == less);
    CHECK(comparisons(bytes, "X''") == greater);
}

TEST_CASE("a missing property does not match") {
    const entity e = with_keys("p", "r");
    for (const char* op : {"eq", "ne", "gt", "ge", "lt", "le"}) {
        CHECK(!matches("Missing "s + op + " 1", e));
        CHECK(matches("not (Missing "s + op + " 1)", e));
    }
    CHECK(!matches("Missing", e));
    CHECK(matches("not Missing", e));
    CHECK(!matches("partitionkey eq 'p'", e)); // names are case-sensitive
}

TEST_CASE("conditions without a comparison") {
    CHECK(matches("P", with(edm_value(edm::boolean, 1))));
    CHECK(!matches("P", with(edm_value(edm::boolean, std::int64_t{0}))));
    CHECK(!matches("P", with(edm_value(edm::int32, 1))));
    CHECK(!matches("P", with(edm_value(edm::string, "true"s))));
    CHECK(matches("not P", with(edm_value(edm::boolean, std::int64_t{0}))));
    CHECK(matches("(P) and true", with(edm_value(edm::boolean, 1))));
    CHECK(matches("true", with_keys("", "")));
    CHECK(!matches("false", with_keys("", "")));
    CHECK(matches("not false", with_keys("", "")));
}

TEST_CASE("the service's own properties are compared too") {
    entity e = with_keys("p", "r");
    e.timestamp.integer = *parse_date_time("2020-01-02T03:04:05Z");
    CHECK(matches("PartitionKey eq 'p' and RowKey eq 'r'", e));
    CHECK(!matches("PartitionKey eq 'r'", e));
    CHECK(matches("Timestamp ge datetime'2020-01-02T03:04:05Z'", e));
    CHECK(!matches("Timestamp gt datetime'2020-01-02T03:04:05Z'", e));
    CHECK(!matches("RowKey ne 1", e));
}

TEST_CASE("not binds tightest and or binds loosest") {
    const entity e = with_keys("p", "r");
    CHECK(matches("true or true and false", e));
    CHECK(matches("false and false or true", e));
    CHECK(!matches("(true or true) and false", e));
    CHECK(!matches("not true or false", e));
    CHECK(!matches("not true and false", e));
    CHECK(matches("not (true and false)", e));
    CHECK(matches("not not true", e));
    CHECK(!matches("not RowKey eq 'r'", e));
    CHECK(matches("not RowKey eq 'x' and true", e));
    CHECK(matches("not(RowKey eq 'x')and(RowKey eq 'r')or(false)", e));
    CHECK(matches(" ( ( RowKey eq 'r' ) ) ", e));
    CHECK(matches("true\tand\r\ntrue", e));
    CHECK(matches("false or false or true", e));
    CHECK(!matches("true and true and false", e));
}

TEST_CASE("property names are identifiers") {
    entity e = with_keys("p", "r");
    for (const char* name : {"_", "a1_", "Größe", "日本", "eq1", "And", "nulls", "datetime", "X", "guid"})
        e.properties.push_back({name, edm_value(edm::int32, 1)});
    for (const property& p : e.properties) CHECK(matches(p.name + " eq 1", e));
    for (const char* name : {"1a", "a-b", "a.b", "a:b", "@a", "$a", "\"a\"", "a\xFF", "[a]", "a/b", "a,"}) {
        CAPTURE(name);
        CHECK(is_refused(name + " eq 1"s));
    }
    for (const char* name : {"eq", "ne", "gt", "ge", "lt", "le", "and", "or", "not", "null"}) {
        CAPTURE(name);
        CHECK(is_refused(name + " eq 1"s));
        CHECK(is_refused(name));
    }
}

TEST_CASE("filters that the service rejects") {
    for (const char* text :
         {"A", "A and B", "A eq 1 or B"}) // so that no other defect explains the rejections below
        CHECK(!is_refused(text));
    for (const char* text : {"A eq",
                             "eq 1",
                             "A 1",
                             "A B",
                             "A = 1",
                             "A == 1",
                             "A eq 1 2",
                             "A eq 1;",
                             "A eq eq",
                             "A eq 1 eq 1",
                             "A EQ 1",
                             "A eq 1 AND B eq 1",
                             "A eq 1 OR B",
                             "NOT A",
                             "A eq TRUE",
                             "A eq null",
                             "null eq A",
                             "null",
                             "A eq B",
                             "1 eq 1",
                             "'a' eq 'a'",
                             "true eq true",
                             "1",
                             "'a'",
                             "5L",
                             "X'00'",
                             "A in (1)",
                             "A has 1",
                             "startswith(A,'x')",
                             "startswith(A, 'x') eq true",
                             "substringof('x',A)",
                             "length(A) eq 1",
                             "A()",
                             "A add 1 eq 2",
                             "A eq 1 add 1",
                             "A mod 2 eq 1",
                             "A sub 1",
                             "-A eq 1",
                             "A eq -B",
                             "A + 1 eq 2",
                             "A eq 1 and",
                             "and A",
                             "or A",
                             "A or",
                             "A and or B",
                             "A not B",
                             "not",
                             "A not",
                             "A eq not 1",
                             "(",
                             ")",
                             "()",
                             "(A",
                             "A)",
                             "(A))",
                             "((A)",
                             "(A) (B)",
                             "(A)B",
                             "(A) eq 1",
                             "A eq (1)",
                             "A eq (B)",
                             "A,B",
                             "*",
                             "A eq *",
                             "A eq 1 & B",
                             "A&&B",
                             "!A",
                             "A/B eq 1",
                             "A/any()"}) {
        CAPTURE(text);
        CHECK(is_refused(text));
    }
    CHECK(is_refused("A\0"s));
    CHECK(is_refused("A eq 'a\xFF'"));
    CHECK(is_refused("A eq '\xED\xA0\x80'")); // half of a surrogate pair
}

TEST_CASE("literals that the service rejects") {
    for (const char* literal : {"'",
                                "'a",
                                "'a''",
                                "'''",
                                "a'",
                                "\"a\"",
                                "'a'b",
                                "'a'5",
                                "'a'(",
                                "'a'X'00'",
                                "'a' 'b'",
                                "+5",
                                "- 5",
                                "--5",
                                "-",
                                "5.",
                                ".5",
                                "-.5",
                                "5.e1",
                                "5e",
                                "5e+",
                                "5e1.5",
                                "1e1e1",
                                "1.2.3",
                                "0x10",
                                "5LL",
                                "5 L",
                                "5.0L",
                                "1e3L",
                                "L",
                                "5f",
                                "5m",
                                "5dd",
                                "d",
                                "-d",
                                "1,000",
                                "5_000",
                                "5a",
                                "5and",
                                "5(",
                                "1e999",
                                "-1e999",
                                "9223372036854775808",
                                "-9223372036854775809",
                                "9223372036854775808L",
                                "NaN",
                                "INF",
                                "-INF",
                                "-inf",
                                "-nan",
                                "inf",
                                "Infinity",
                                "datetime''",
                                "datetime'x'",
                                "datetime'2020-02-30'",
                                "datetime",
                                "datetime'2020-01-01T00:00:00Z",
                                "datetime '2020-01-01T00:00:00Z'",
                                "datetime\"2020-01-01\"",
                                "DateTime'2020-01-01T00:00:00Z'",
                                "datetime'1600-01-01T00:00:00Z'",
                                "datetime'2020-01-01'a",
                                "datetimeoffset'2020-01-01T00:00:00Z'",
                                "time'01:00'",
                                "guid''",
                                "guid'0'",
                                "guid'{00000000-0000-0000-0000-000000000005}'",
                                "guid'00000000-0000-0000-0000-000000000005''",
                                "Guid'00000000-0000-0000-0000-000000000005'",
                                "X'0'",
                                "X'0g'",
                                "X '00'",
                                "X'00",
                                "b'00'",
                                "Binary'00'",
                                "binary'AA=='",
                                "N'a'",
                                "null'a'"}) {
        CAPTURE(literal);
        CHECK(is_refused("A eq "s + literal));
        CHECK(is_refused(literal + " eq A"s));
    }
}

TEST_CASE("in Table Storage numbers and times are below any text") {
    const auto time = edm_value(edm::date_time, *parse_date_time("2020-01-02"));
    for (const edm_value& value : {edm_value(edm::int32, 5), edm_value(edm::int64, 5), edm_value(5.5), time})
        for (const char* literal : {"''", "'5'", "'a'"}) {
            const entity e = with(value);
            CHECK(comparisons(value, literal) == less);
            for (const char* op : {"eq", "ne", "lt", "le", "gt", "ge"})
                CHECK(!filter::parse("P "s + op + " " + literal, service_mode::cosmos).matches(e));
        }
    for (const char* literal : {"5", "5L", "5.5", "datetime'2020-01-02'"}) // how a text compares is not known
        CHECK(comparisons(edm_value(edm::string, ""), literal) == incomparable);
    CHECK(!matches("P ne ''", with_keys("p", "r")));
}

TEST_CASE("why a text is no filter") {
    CHECK(refusal("aaa bbb ccc") == "Syntax error at position 7 in 'aaa bbb ccc'.");
    CHECK(refusal("\u00E4 eq 'x") == "Syntax error at position 5 in '\u00E4 eq 'x'.");
    CHECK(refusal("A eq null") == "One of the request inputs is not valid.");
    CHECK(refusal("A eq '\x80'") == "One of the request inputs is not valid.");
    CHECK(refusal("aaa bbb ccc", service_mode::cosmos) == "Request url is invalid.");
}

TEST_CASE("filters are bounded") {
    const std::string more = " or A eq 1";
    CHECK(!is_refused("A eq 1" + repeated(more, 99'999)));

    CHECK(!is_refused(repeated("(", 100) + "A" + repeated(")", 100)));
    CHECK(is_refused(repeated("(", 101) + "A" + repeated(")", 101)));
    CHECK(!is_refused(repeated("not ", 100) + "A"));
    CHECK(is_refused(repeated("not ", 101) + "A"));
    CHECK(is_refused(repeated("not(", 51) + "A" + repeated(")", 51)));
    CHECK(is_refused(repeated("(", 1'000'000)));
    CHECK(is_refused(repeated("not ", 1'000'000)));
    CHECK(!is_refused("((A) and (A)) or ((A) and (not A))" + repeated(" or (A)", 9)));
}

TEST_CASE("which keys a filter can match") {
    const auto keys = [](std::string_view text) {
        const key_range r = filter_of(text).keys();
        const auto bound = [](const std::optional<std::string>& key) { return key ? "'" + *key + "'" : "-"; };
        const bool pinned = r.partition_key.has_value();
        CHECK((!pinned || (r.first_partition_key.empty() && !r.last_partition_key)));
        return pinned ? *r.partition_key + ": '" + r.first_row_key + "' " + bound(r.last_row_key)
                      : "'" + r.first_partition_key + "' " + bound(r.last_partition_key);
    };
    CHECK(keys("") == "'' -");
    CHECK(keys("A eq 1") == "'' -");
    CHECK(keys("PartitionKey eq 'p'") == "p: '' -");
    CHECK(keys("'p' eq PartitionKey and A eq 1") == "p: '' -");
    CHECK(keys("PartitionKey eq 'p' and RowKey eq 'r'") == "p: 'r' 'r'");
    CHECK(keys("(RowKey ge 'a' and (A or B)) and ((RowKey lt 'c') and PartitionKey eq 'p')") == "p: 'a' 'c'");
    CHECK(keys("PartitionKey eq 'p' and 'a' lt RowKey and 'c' ge RowKey") == "p: 'a' 'c'");
    CHECK(keys("PartitionKey eq 'p' and RowKey gt 'a' and RowKey ge 'b' and RowKey gt 'a'") == "p: 'b' -");
    CHECK(keys("PartitionKey eq 'p' and RowKey lt 'c' and RowKey le 'b' and RowKey lt 'c'") == "p: '' 'b'");
    CHECK(keys("PartitionKey eq 'p' and RowKey ge '\U0001F600' and RowKey ge '\uFF00'") == "p: '\uFF00' -");
    CHECK(keys("PartitionKey ge 'a' and PartitionKey lt 'c' and RowKey eq 'r'") == "'a' 'c'");
    CHECK(keys("PartitionKey gt 'a' and RowKey ge 'r'") == "'a' -");
    CHECK(keys("PartitionKey le 'c'") == "'' 'c'");
    CHECK(keys("PartitionKey ne 'p' and RowKey ne 'r'") == "'' -");
    CHECK(keys("PartitionKey eq 'p' or RowKey eq 'r'") == "'' -");
    CHECK(keys("PartitionKey eq 'p' or PartitionKey eq 'p'") == "'' -");
    CHECK(keys("not (PartitionKey eq 'p')") == "'' -");
    CHECK(keys("PartitionKey eq 1") == "'' -");
    CHECK(keys("PartitionKey eq 'p' and (RowKey eq 'a' or RowKey eq 'b')") == "p: '' -");
}

TEST_CASE("whether a filter is on keys only") {
    for (const char* text :
         {"", "PartitionKey eq 'p'", "true", "RowKey eq 'r' and not (Timestamp gt datetime'2020-01-01')",
          "RowKey eq 'r' or PartitionKey"})
        CHECK(filter_of(text).is_on_keys_only());
    for (const char* text : {"A", "A eq 1", "rowkey eq 'r'", "RowKey eq 'r' or (true and not A)"})
        CHECK(!filter_of(text).is_on_keys_only());
}

namespace {

/// Generates filters and entities of few names and literals, so that many match.
class generator {
public:
    std::string filter_text(int depth) {
        switch (depth == 0 ? 0 : random_() % 6) {
        case 1: return filter_text(depth - 1) + " or " + filter_text(depth - 1);
        case 2:
        case 3: return filter_text(depth - 1) + " and " + filter_text(depth - 1);
        case 4: return "(" + filter_text(depth - 1) + ")";
        case 5: return "not (" + filter_text(depth - 1) + ")";
        default: return comparison();
        }
    }

    entity some_entity() {
        entity e = with_keys(some_text(), some_text());
        e.timestamp.integer = static_cast<ticks>(random_() % 3);
        if (random_() % 2) e.properties.push_back({"A", edm_value(edm::int32, number())});
        if (random_() % 2) e.properties.push_back({"B", edm_value(edm::boolean, number() & 1)});
        return e;
    }

private:
    const char* pick(const std::vector<const char*>& from) { return from[random_() % from.size()]; }

    std::int64_t number() { return static_cast<std::int64_t>(random_() % 3); }

    std::string some_text() { return pick({"", "a", "b", "b\U0001F600", "b\uFF00", "c"}); }

    std::string comparison() {
        if (random_() % 8 == 0) return pick({"B", "true", "false", "Missing"});
        const std::string name =
            pick({"PartitionKey", "PartitionKey", "RowKey", "RowKey", "A", "B", "Missing"});
        const std::string literal = name == "A" || random_() % 16 == 0 ? std::to_string(number())
                                    : name == "B"                      ? "true"
                                                                       : "'" + some_text() + "'";
        const std::string op = pick({" eq ", " eq ", " ne ", " gt ", " ge ", " lt ", " le "});
        return random_() % 2 ? name + op + literal : literal + op + name;
    }

    std::mt19937_64 random_{1};
};

} // namespace

TEST_CASE("no match lies outside the key range of any filter") {
    generator generate;
    int matched = 0, narrowed = 0;
    for (int i = 0; i < 5000; ++i) {
        const std::string a = generate.filter_text(3), b = generate.filter_text(2);
        CAPTURE(a);
        CAPTURE(b);
        const filter of_a = filter_of(a), of_b = filter_of(b), opposite = filter_of("not (" + a + ")"),
                     both = filter_of("(" + a + ") and (" + b + ")"),
                     either = filter_of("(" + a + ") or (" + b + ")"),
                     without = filter_of("not (" + a + ") and " + b);
        const key_range keys = of_a.keys(), keys_of_both = both.keys();
        for (int n = 0; n < 20; ++n) {
            const entity e = generate.some_entity();
            const bool matches_a = of_a.matches(e), matches_b = of_b.matches(e);
            CHECK(opposite.matches(e) == !matches_a);
            CHECK(both.matches(e) == (matches_a && matches_b));
            CHECK(either.matches(e) == (matches_a || matches_b));
            const bool in_range = azkv::test::is_in_range(e, keys);
            CHECK((in_range || !matches_a));
            CHECK((azkv::test::is_in_range(e, keys_of_both) || !both.matches(e)));
            CHECK((azkv::test::is_in_range(e, without.keys()) || !without.matches(e)));
            if (of_a.is_on_keys_only()) {
                entity bare = e;
                bare.properties.clear();
                CHECK(of_a.matches(bare) == matches_a);
            }
            matched += matches_a;
            narrowed += !in_range;
        }
    }
    CHECK(matched > 5000); // or the test proves little
    CHECK(narrowed > 5000);
}
