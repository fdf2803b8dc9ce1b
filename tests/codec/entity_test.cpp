#include "codec/entity.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace azkv;
using namespace azkv::codec;
using test::contains;
using test::failure_of;
namespace json = boost::json;

namespace {

std::string encode(const value& v, service_mode mode = service_mode::storage) {
    return encode_entity("p", "k", v, mode);
}

// The properties of the entity that a value is stored as.
json::object properties(const value& v) {
    json::object o = json::parse(encode(v)).as_object();
    CHECK(o.at("PartitionKey") == "p");
    CHECK(o.at("RowKey") == "k");
    o.erase("PartitionKey");
    o.erase("RowKey");
    return o;
}

value parse(std::string_view text) {
    return json::parse(text).as_object();
}

error refused(const value& v, service_mode mode = service_mode::storage) {
    return failure_of([&] { encode(v, mode); });
}

value member(json::value v) {
    value o;
    o["m"] = std::move(v);
    return o;
}

} // namespace

TEST_CASE("each JSON type has its property") {
    CHECK(properties(parse(R"({"b": true})")) == parse(R"({"b": true})"));
    CHECK(properties(parse(R"({"i": -2147483648})")) == parse(R"({"i": -2147483648})"));
    CHECK(properties(parse(R"({"l": 2147483648})"))
          == parse(R"({"l@odata.type": "Edm.Int64", "l": "2147483648"})"));
    CHECK(properties(member(json::value(std::uint64_t{7}))) == parse(R"({"m": 7})"));
    CHECK(contains(encode(member(5.0)), R"("m@odata.type":"Edm.Double","m":5.0)"));
    CHECK(contains(encode(member(std::nan(""))), R"("m@odata.type":"Edm.Double","m":"NaN")"));
    CHECK(contains(encode(member(-std::numeric_limits<double>::infinity())), R"("m":"-Infinity")"));
    CHECK(properties(parse(R"({"s": "text"})")) == parse(R"({"s": "text"})"));
    CHECK(properties(parse(R"({"n": null})")) == parse(R"({"n": "null"})"));
    CHECK(properties(parse(R"({"a": [1, {"b": 2}]})")) == parse(R"({"a": "[1,{\"b\":2}]"})"));
}

TEST_CASE("the entity is one line of ASCII") {
    const std::string body = encode(parse(R"({"s": "é\n\u2028日", "o": {"k": "😀"}})"));
    for (const char c : body) CHECK((c >= 0x20 && c < 0x7F));
}

TEST_CASE("strings that a reader would take for JSON are quoted") {
    for (const char* text : {"null", "{}", "[1]", "\"q\"", "{\"a\":1}"})
        CHECK(properties(member(text)).at("m") == json::string_view(json::serialize(json::value(text))));
    for (const char* text : {"{", "[1", "\"open", "123", "true", "NaN", "nul", " {}", "{} x"})
        CHECK(properties(member(text)).at("m") == json::string_view(text));
}

TEST_CASE("what the service cannot hold is refused, with member, size and limit") {
    CHECK(refused(member(json::value(std::uint64_t{1} << 63))).code() == errc::invalid_argument);
    CHECK(contains(refused(member(json::value(std::uint64_t{1} << 63))).what(), "9223372036854775808"));

    CHECK_NOTHROW(encode(member(json::string(32'768, 'x'))));
    const error large = refused(member(json::string(32'769, 'x')));
    CHECK(large.code() == errc::too_large);
    CHECK(contains(large.what(), "member \"m\" takes 32769 UTF-16 units; the service holds 32768"));
    CHECK_NOTHROW(encode(member(json::string(32'769, 'x')), service_mode::cosmos));

    CHECK(contains(refused(member("\xFF")).what(), "UTF-8"));
    CHECK(contains(refused(member(json::value{"\xFF"})).what(), "UTF-8"));
    CHECK(contains(refused(member(json::value{1, std::nan("")})).what(), "NaN"));

    value many;
    for (int i = 0; i < 252; ++i) many["m" + std::to_string(i)] = i;
    CHECK_NOTHROW(encode(many));
    many["one more"] = 1;
    CHECK(contains(refused(many).what(), "253 members; the service holds 252"));

    json::value deep = 1;
    for (int i = 0; i < 501; ++i) deep = json::array{std::move(deep)};
    CHECK(contains(refused(member(deep)).what(), "501 levels"));
    CHECK_NOTHROW(encode(member(deep.at(0))));
}

TEST_CASE("the size of an entity is counted as the service counts it") {
    // 4 + 2 * len("pk") + for each member 8 + 2 * len(name) + 4 + 2 * len(text) <= 1 MiB
    value v;
    for (int i = 0; i < 15; ++i) v["m" + std::to_string(10 + i)] = std::string(32'768, 'x');
    std::size_t rest = (std::size_t{1} << 20) - 8 - 15 * (8 + 6 + 4 + 2 * 32'768) - (8 + 6 + 4);
    v["end"] = std::string(rest / 2, 'x');
    CHECK_NOTHROW(encode(v));
    v["end"] = std::string(rest / 2 + 1, 'x');
    const error e = refused(v);
    CHECK(e.code() == errc::too_large);
    CHECK(contains(e.what(), "1048576"));

    CHECK_NOTHROW(encode(member(json::string(1'980'000, 'x')), service_mode::cosmos));
    CHECK(contains(refused(member(json::string(2'000'000, 'x')), service_mode::cosmos).what(), "1983616"));
}

TEST_CASE("decoding gives back what was encoded, in any order of members") {
    const value v = parse(R"({"t": true, "i": 1, "l": 9007199254740993, "d": 0.1, "w": 5.0, "s": "x", "e": "",
        "n": null, "a": [1, 2.5, {"b": []}], "j": "null", "q": "\"q\"", "my-name": 1, "RowKey": 2, "x_part_1": 3})");
    const json::object stored = json::parse(encode(v)).as_object();
    json::object reversed;
    for (auto m = stored.end(); m != stored.begin();) {
        --m;
        reversed[m->key()] = m->value();
    }
    CHECK(decode_entity(encode(v)) == v);
    CHECK(decode_entity(json::serialize(reversed)) == v);
}

TEST_CASE("decoding what others wrote") {
    const value v =
        decode_entity(R"({"odata.metadata":"m","odata.etag":"e","odata.type":"t","PartitionKey":"p",
        "RowKey":"k","Timestamp":"2026-01-02T03:04:05Z","when@odata.type":"Edm.DateTime",
        "when":"2020-01-02T03:04:05.1234567Z","id@odata.type":"Edm.Guid","id":"0f8fad5b-d9cb-469f-a165-70867728950e",
        "bytes@odata.type":"Edm.Binary","bytes":"AAH/","five":5,"old@odata.type":"Edm.Double","old":5,
        "inf":"-Infinity","inf@odata.type":"Edm.Double","bad@odata.type":"Edm.Int64","bad":"12x","gone":null,
        "text@odata.type":"Edm.String","text":"plain","json":"{\"a\":[1]}","huge":12345678901234567890,"long@odata.type":"Edm.Double","long":10000000000000000000})");
    CHECK(v.at("long").as_double() == 1e19);
    CHECK(v.at("when") == "2020-01-02T03:04:05.1234567Z");
    CHECK(v.at("id") == "0f8fad5b-d9cb-469f-a165-70867728950e");
    CHECK(v.at("bytes") == "AAH/");
    CHECK(v.at("five") == json::value(std::int64_t{5}));
    CHECK(v.at("old").as_double() == 5.0);
    CHECK(v.at("inf").as_double() == -std::numeric_limits<double>::infinity());
    CHECK(v.at("bad") == "12x");
    CHECK(v.at("text") == "plain");
    CHECK(v.at("json") == json::parse(R"({"a":[1]})"));
    CHECK(v.at("huge") == json::value(std::uint64_t{12345678901234567890u}));
    CHECK(v.size() == 11);
}

TEST_CASE("decoding a page") {
    const auto rows = decode_page(R"({"odata.metadata":"m","value":[
        {"odata.etag":"W/\"1\"","PartitionKey":"p_x002F_1","RowKey":"a_x002F_b","Timestamp":"2026-01-02T03:04:05Z","n":1},
        {"RowKey":"c","n":2.5,"odd":{"nested":{"RowKey":"not a key"}},"PartitionKey":"p"},
        {}],"odata.nextLink":"x","other":{"value":[{"n":3}]}})");
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].key() == "a/b");
    CHECK(rows[0].partition_key() == "p/1");
    CHECK(rows[0].etag() == "W/\"1\"");
    CHECK(rows[0].value() == parse(R"({"n": 1})"));
    CHECK(rows[1].key() == "c");
    CHECK(rows[1].etag().empty());
    CHECK(rows[1].value() == parse(R"({"n": 2.5})"));
    CHECK(rows[2].value().empty());
    CHECK(decode_page(R"({"value":[]})").empty());
    CHECK(decode_page(R"({"value":[],"odata.metadata":"last"})").empty());
}

TEST_CASE("what is no entity or page is refused") {
    for (const char* text : {"", "{", "[]", "1", "null", "{} x", "<html>", "{\"a\":}"}) {
        CHECK(failure_of([&] { decode_entity(text); }).code() == errc::bad_response);
        CHECK(failure_of([&] { decode_page(text); }).code() == errc::bad_response);
    }
    CHECK(failure_of([] { decode_page(R"({"values":[]})"); }).code() == errc::bad_response);
}

TEST_CASE("select names the columns that the members are stored in") {
    CHECK(select_list(projection(), service_mode::storage, true) == "");
    CHECK(select_list(select("a", "my-name"), service_mode::storage, false) == "a,my_x002D_name");
    CHECK(select_list(select("a"), service_mode::storage, true) == "PartitionKey,RowKey,Timestamp,a");
}
