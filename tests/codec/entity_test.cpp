#include "codec/entity.hpp"
#include "codec/utf.hpp"
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
    return encode_entity(entity_key("p", "k"), v, mode);
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

// An entity, which need not have keys of its own.
value decoded_entity(std::string text, const projection& select = {}, columns which = columns::all) {
    if (!contains(text, "\"RowKey\":")) text.insert(1, R"("PartitionKey":"p","RowKey":"k",)");
    return decode_entity(text, {}, select, which);
}

value member(json::value v) {
    value o;
    o["m"] = std::move(v);
    return o;
}

} // namespace

TEST_CASE("each JSON type has a property type") {
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

TEST_CASE("strings that a reader would parse as JSON are quoted") {
    for (const char* text : {"null", "{}", "[1]", "\"q\"", "{\"a\":1}"})
        CHECK(properties(member(text)).at("m") == json::string_view(json::serialize(json::value(text))));
    for (const char* text : {"{", "[1", "\"open", "123", "true", "NaN", "nul", " {}", "{} x"})
        CHECK(properties(member(text)).at("m") == json::string_view(text));
}

TEST_CASE("what the service cannot hold is rejected with member and size and limit") {
    CHECK(contains(refused(member("\xFF")).what(), "UTF-8"));
    CHECK(contains(refused(member(json::value{"\xFF"})).what(), "UTF-8"));

    value many;
    for (int i = 0; i < 252; ++i) many["m" + std::to_string(i)] = i;
    CHECK_NOTHROW(encode(many));
    many["one more"] = 1;
    CHECK(contains(refused(many).what(), "253 members; the service holds 252"));
    many.erase("one more");
    many["m0"] = std::string(32'769, 'x');
    CHECK(contains(refused(many).what(),
                   "253 properties, including the parts of long members; the service holds 252"));
    CHECK_NOTHROW(encode(many, service_mode::cosmos));

    const std::string name(249, 'n'); // and `_part_2`
    value named;
    named[name] = std::string(32'769, 'x');
    const error long_name = refused(named);
    CHECK(long_name.code() == errc::too_large);
    CHECK(contains(long_name.what(), "256 UTF-16 units as stored; the service holds 255"));

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

TEST_CASE("decoding returns what was encoded in any order of members") {
    const value v = parse(R"({"t": true, "i": 1, "l": 9007199254740993, "d": 0.1, "w": 5.0, "s": "x", "e": "",
        "n": null, "a": [1, 2.5, {"b": []}], "j": "null", "q": "\"q\"", "my-name": 1, "RowKey": 2, "x_part_1": 3})");
    const json::object stored = json::parse(encode(v)).as_object();
    json::object reversed;
    for (auto m = stored.end(); m != stored.begin();) {
        --m;
        reversed[m->key()] = m->value();
    }
    CHECK(decoded_entity(encode(v)) == v);
    CHECK(decoded_entity(json::serialize(reversed)) == v);
}

TEST_CASE("decoding entities that other clients wrote") {
    const value v =
        decoded_entity(R"({"odata.metadata":"m","odata.etag":"e","odata.type":"t","PartitionKey":"p",
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
        {"PartitionKey":"","RowKey":""}],"odata.nextLink":"x","other":{"value":[{"n":3}]}})");
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].key() == "a/b");
    CHECK(rows[0].partition_key() == "p/1");
    CHECK(rows[0].etag() == azkv::etag("W/\"1\""));
    CHECK(rows[0].value() == parse(R"({"n": 1})"));
    CHECK(rows[1].key() == "c");
    CHECK(rows[1].etag().empty());
    CHECK(rows[1].value() == parse(R"({"n": 2.5})"));
    CHECK(rows[2].key().empty());
    CHECK(rows[2].value().empty());
    CHECK(decode_page(R"({"value":[]})").empty());
    CHECK(decode_page(R"({"value":[],"odata.metadata":"last"})").empty());
}

TEST_CASE("decoding an entity with its columns") {
    constexpr std::string_view text =
        R"({"odata.metadata":"m","odata.etag":"W/\"1\"","PartitionKey":"p","RowKey":"a_x002F_b",
            "Timestamp":"2026-01-02T03:04:05Z","n":1,"t@odata.type":"Edm.Guid","t":"u"})";
    const entry e = decode_entry(text, expected_keys("p", "a_x002F_b"));
    CHECK(e.key() == "a/b");
    CHECK(e.etag() == azkv::etag("W/\"1\""));
    CHECK(e.timestamp() == std::chrono::system_clock::from_time_t(1767323045));
    CHECK(e.value() == parse(R"({"n": 1, "t": "u"})"));
    CHECK(e.edm_type("t") == "Edm.Guid");
    CHECK_FALSE(e.partial());
    const entry part = decode_entry(text, expected_keys("p"), select("n"), columns::selected);
    CHECK(part.value() == parse(R"({"n": 1})"));
    CHECK(part.partial());
    CHECK(failure_of([&] { decode_entry(text, expected_keys("p", "b")); }).code() == errc::bad_response);
}

TEST_CASE("what is not an entity or a page is rejected") {
    for (const char* text : {"", "{", "[]", "1", "null", "{} x", "<html>", "{\"a\":}"}) {
        CHECK(failure_of([&] { decode_entity(text, {}); }).code() == errc::bad_response);
        CHECK(failure_of([&] { decode_page(text); }).code() == errc::bad_response);
    }
    CHECK(failure_of([] { decode_page(R"({"values":[]})"); }).code() == errc::bad_response);
    for (const char* row : {"1", "null", "[]", "\"x\"", "{}", R"({"RowKey":"k"})", R"({"PartitionKey":"p"})",
                            R"({"PartitionKey":"p","RowKey":1})"}) {
        CAPTURE(row);
        const std::string good = R"({"PartitionKey":"p","RowKey":"k"})";
        CHECK(failure_of([&] { decode_page("{\"value\":[" + good + ',' + row + "]}"); }).code()
              == errc::bad_response);
    }
}

TEST_CASE("an entity with other keys than requested is rejected") {
    const expected_keys asked("p'1", "k");
    CHECK(decode_entity(R"({"PartitionKey":"p'1","RowKey":"k","n":1})", asked) == parse(R"({"n": 1})"));
    CHECK(decode_entity(R"({"n":1,"RowKey":"k","PartitionKey":"p\u00271"})", asked) == parse(R"({"n": 1})"));
    const std::string n = R"("n":"not to be told")";
    for (const std::string keys :
         {R"()", R"("PartitionKey":"p'1",)", R"("RowKey":"k",)", R"("PartitionKey":"p'1","RowKey":"K",)",
          R"("PartitionKey":"P'1","RowKey":"k",)", R"("PartitionKey":"k","RowKey":"p'1",)",
          R"("PartitionKey":"p'1","RowKey":"",)", R"("PartitionKey":"p'1","RowKey":"k ",)",
          R"("PartitionKey":"p'1","RowKey":null,)", R"("PartitionKey":"p'1","RowKey":1,)",
          R"("PartitionKey":"p'1","RowKey":{"RowKey":"k"},)", R"("partitionKey":"p'1","rowkey":"k",)",
          R"("PartitionKey":"p'1","RowKey":"k","RowKey":"other",)",
          R"("PartitionKey":"p'1","RowKey":"other","RowKey":"k",)",
          R"("value":[{"PartitionKey":"p'1","RowKey":"k"}],)"}) {
        CAPTURE(keys);
        const error e = failure_of([&] { decode_entity('{' + keys + n + '}', asked); });
        CHECK(e.code() == errc::bad_response);
        CHECK(contains(e.what(), "key"));
        CHECK_FALSE(contains(e.what(), "not to be told"));
    }
    const std::string page =
        R"({"value":[{"PartitionKey":"p","RowKey":"1"},{"PartitionKey":"q","RowKey":"2"}]})";
    CHECK(decode_page(page).size() == 2);
    CHECK(std::string(failure_of([&] { decode_page(page, expected_keys("p")); }).what())
          == "the response is for another key");
    CHECK(decode_page(R"({"value":[{"PartitionKey":"p","RowKey":"1"}]})", expected_keys("p")).size() == 1);
}

TEST_CASE("the memory of a decoded response is bounded") {
    const auto entity = [](int members) {
        std::string text = R"({"PartitionKey":"p","RowKey":"k")";
        for (int i = 2; i < members; i += 2) {
            const std::string name = "m" + std::to_string(i);
            text.append(",\"")
                .append(name)
                .append("@odata.type\":\"Edm.Int64\",\"")
                .append(name)
                .append("\":\"1\"");
        }
        return text + '}';
    };
    const auto page = [](const std::string& row, int rows) {
        std::string text = "{\"value\":[" + row;
        for (int i = 1; i < rows; ++i) text.append(",").append(row);
        return text + "]}";
    };
    const auto list = [](int values) {
        std::string text = R"({"PartitionKey":"p","RowKey":"k","a":"[0)";
        for (int i = 1; i < values; ++i) text += ",0";
        return text + "]\"}";
    };
    CHECK(decoded_entity(entity(2048)).size() == 1023);
    const error members = failure_of([&] { decoded_entity(entity(2050)); });
    CHECK(members.code() == errc::bad_response);
    CHECK(contains(members.what(), "more than 2048 members"));
    CHECK(decode_page(page(entity(4), 10'000)).size() == 10'000);
    const error rows = failure_of([&] { decode_page(page(entity(2), 10'001)); });
    CHECK(rows.code() == errc::bad_response);
    CHECK(contains(rows.what(), "more than 10000 rows"));

    CHECK(decoded_entity(list(3'999'996)).at("a").as_array().size()
          == 3'999'996); // and 3 members, and a list
    const error values = failure_of([&] { decoded_entity(list(3'999'997)); });
    CHECK(values.code() == errc::bad_response);
    CHECK(contains(values.what(), "more than 4000000 values"));
    CHECK(decode_page(page(list(396), 10'000)).size() == 10'000); // 400 for each row
    CHECK(failure_of([&] { decode_page(page(list(397), 10'000)); }).code() == errc::bad_response);
}

TEST_CASE("select names the columns that the members and their parts are stored in") {
    const auto columns = [](const std::string& name) {
        std::string all = name;
        for (int part = 1; part <= 16; ++part) all += ',' + name + "_part_" + std::to_string(part);
        return all;
    };
    CHECK(select_list(projection(), service_mode::storage, true) == "");
    const std::string keys = "PartitionKey,RowKey,";
    CHECK(select_list(select("a", "my-name"), service_mode::storage, false)
          == keys + columns("a") + ',' + columns("my_x002D_name"));
    CHECK(select_list(select("a"), service_mode::storage, true)
          == "PartitionKey,RowKey,Timestamp," + columns("a"));
    CHECK(select_list(select("id"), service_mode::cosmos, false) == keys + columns("_x0069_d"));
    CHECK(select_list(select("_ts"), service_mode::cosmos, false) == keys + columns("_x005F_ts"));
    // Rows that were written before azkv escaped it have it, too.
    CHECK(contains(select_list(select("ttl"), service_mode::cosmos, false), "_x0074_tl,ttl,"));
    CHECK(contains(select_list(select("RID"), service_mode::cosmos, false), "_x0052_ID,RID,"));
    CHECK(select_list(select("a", "a"), service_mode::storage, false) == keys + columns("a"));
    // Another program may have written as it is what azkv escapes.
    CHECK(contains(select_list(select("ƒoo"), service_mode::storage, false), "_x0192_oo,ƒoo,"));

    // Too many columns, or too long a list of them: the store reads all.
    std::vector<std::string> names;
    for (int i = 10; i < 24; ++i) names.push_back("m" + std::to_string(i));
    CHECK_FALSE(select_list(projection(names), service_mode::storage, true).empty());
    names.push_back("m24");
    CHECK(select_list(projection(names), service_mode::storage, true).empty());
    CHECK(select_list(select(std::string(240, 'n'), std::string(241, 'n')), service_mode::storage, true)
              .empty());
    names[0] = "";
    CHECK_THROWS_AS(select_list(projection(names), service_mode::storage, true), error);
}

TEST_CASE("a projection keeps only the members it names") {
    const std::string entity =
        R"({"a":1,"b":2,"my_x002D_name":3,"t_part_1":"\"x","t_part_2":"y\"","n_part_1":"1","PartitionKey":"p","RowKey":"k"})";
    CHECK(decoded_entity(entity, select("a", "my-name")) == parse(R"({"a": 1, "my-name": 3})"));
    CHECK(decoded_entity(entity, select("t", "absent")) == parse(R"({"t": "xy"})"));
    CHECK(decoded_entity(entity, select("t_part_1")) == value());
    CHECK(decoded_entity(entity, select("n")) == parse(R"({"n": 1})"));
    const auto rows = decode_page(R"({"value":[)" + entity + "]}", {}, select("b"));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].key() == "k");
    CHECK(rows[0].value() == parse(R"({"b": 2})"));
}

TEST_CASE("what one property cannot hold is stored in parts as JSON") {
    const auto part = [](const json::object& o, int n) {
        return std::string(o.at("m_part_" + std::to_string(n)).as_string());
    };
    CHECK(properties(member(json::string(32'768, 'x'))).contains("m"));

    json::object o = properties(member(json::string(32'769, 'x')));
    CHECK(o.size() == 2);
    CHECK(part(o, 1) == '"' + std::string(32'767, 'x'));
    CHECK(part(o, 2) == "xx\"");

    // A pair of surrogates, or an escape, at the edge moves to the next part as a whole.
    for (const auto& [edge, as_json] :
         {std::pair<std::string, std::string>("😀", "😀"), {"\n", "\\n"}, {"\x01", "\\u0001"}}) {
        for (std::size_t before = 32'760; before <= 32'768; ++before) {
            const json::string text(std::string(before, 'x') + edge + std::string(100, 'y'));
            o = properties(member(text));
            CAPTURE(before);
            CAPTURE(as_json);
            REQUIRE(o.size() == 2);
            REQUIRE(part(o, 1) + part(o, 2)
                    == '"' + std::string(before, 'x') + as_json + std::string(100, 'y') + '"');
            const std::string first = part(o, 1), second = part(o, 2);
            const std::size_t escape = utf16_length(as_json);
            REQUIRE(utf16_length(first) <= 32'768);
            REQUIRE(utf16_length(first) > 32'768 - escape);
            REQUIRE((first.ends_with('x') || first.ends_with('y') || first.ends_with(as_json)));
            REQUIRE(decoded_entity(encode(member(text))) == member(text));
        }
    }

    // The same holds for a list or object, and for what no integer of the service can hold.
    value many;
    for (int i = 0; i < 10'000; ++i) many["k" + std::to_string(i)] = i;
    o = properties(member(many));
    CHECK(o.size() == 4);
    CHECK(decoded_entity(encode(member(many))) == member(many));
    CHECK(properties(member(json::value(std::uint64_t{1} << 63)))
          == parse(R"({"m_part_1": "9223372036854775808"})"));
    CHECK(decoded_entity(encode(member(json::value(std::uint64_t{1} << 63)))).at("m").as_uint64()
          == std::uint64_t{1} << 63);

    // Cosmos DB has no such limit.
    const json::object whole =
        json::parse(encode(member(json::string(100'000, 'x')), service_mode::cosmos)).as_object();
    CHECK(whole.at("m").as_string().size() == 100'000);
}

TEST_CASE("parts that other clients wrote are joined or left as they are") {
    const auto decoded = [](const std::string& properties) { return decoded_entity("{" + properties + "}"); };
    CHECK(decoded(R"("a_part_2":"2]","a_part_1":"[1,")") == parse(R"({"a": [1, 2]})"));
    CHECK(decoded(R"("a_part_1":"123")") == parse(R"({"a": 123})"));
    CHECK(decoded(R"("a_part_1@odata.type":"Edm.String","a_part_1":"tr","a_part_2":"ue")")
          == parse(R"({"a": true})"));
    CHECK(decoded(R"("a_part_1":"[1,","a_part_2":"oops")") == parse(R"({"a": "[1,oops"})"));
    std::string ten, text;
    for (int i = 12; i >= 1; --i)
        ten += "\"a_part_" + std::to_string(i) + "\":\"" + static_cast<char>('a' + i) + "\",";
    CHECK(decoded(ten + R"("b":1)") == parse(R"({"a": "bcdefghijklm", "b": 1})")); // 10 comes after 9

    for (
        const char* odd :
        {R"({"a_part_2": "x"})",                                 // no first part
         R"({"a_part_1": "x", "a_part_3": "y"})",                // a gap
         R"({"a_part_1": "x", "a": "y"})",                       // the name is taken
         R"({"a_part_1": 1})",                                   // not a text
         R"({"a_part_1": "x", "a_part_2": 2, "a_part_3": "z"})", // one is not a text
         R"({"a_part_0": "x", "a_part_1": "y", "a_part_01": "z", "a_part_": "w", "a_part_x": "v", "a": "u"})",
         R"({"_part_1": "x"})", R"({"a_part_18446744073709551617": "x"})", R"({"a_x0041_part_2": "x"})"}) {
        CAPTURE(odd);
        CHECK(decoded_entity(odd) == parse(odd));
    }
    CHECK(decoded(R"("a_part_1@odata.type":"Edm.Guid","a_part_1":"x")") == parse(R"({"a_part_1": "x"})"));
    CHECK(decoded(R"("a_part_1":"1","b_part_2":"2","c":3)") == parse(R"({"a": 1, "b_part_2": "2", "c": 3})"));

    // With as many parts as a projection requests there may be more: half a text is not a text.
    std::string parts;
    for (int i = 1; i <= 16; ++i) parts += ",\"a_part_" + std::to_string(i) + "\":\"[\"";
    const std::string entity = "{\"b\":1" + parts + "}";
    CHECK(decoded_entity(entity).at("a").as_string().size() == 16);
    CHECK(decoded_entity(entity, select("b")) == parse(R"({"b": 1})"));
    CHECK(decoded_entity(entity, select("a")).at("a").as_string().size() == 16);
    const error e = failure_of([&] { decoded_entity(entity, select("a"), columns::selected); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(contains(e.what(), "member \"a\" may have more parts"));
}

TEST_CASE("columns of the service's own are not members") {
    CHECK(decoded_entity(R"({"odata.x":"{}","PartitionKey":"{}","odata.n":1})").empty());
    CHECK(decoded_entity(R"({"odata.x":"{}","a":"\"null\""})") == parse(R"({"a": "null"})"));
    CHECK(decoded_entity(R"({"a":"\"null\"","a":"\"null\""})") == parse(R"({"a": "null"})"));
}

TEST_CASE("names that other clients wrote stay distinct") {
    const char* one = R"({"_x0061_": 1, "a": 2})";
    CHECK(decoded_entity(one) == parse(one));
    const char* two = R"({"my-name": 1, "my_x002D_name": 2, "your_x002D_name": 3})";
    CHECK(decoded_entity(two) == parse(two));
    CHECK(decoded_entity(R"({"my_x002D_name": 2, "_x0069_d": 3})") == parse(R"({"my-name": 2, "id": 3})"));
}

TEST_CASE("halves of surrogate pairs keep names and keys distinct and may stand in a list") {
    CHECK(decoded_entity(R"({"a\ud83d":1,"a\ud83e":2})") == parse(R"({"a_xD83D_": 1, "a_xD83E_": 2})"));
    CHECK(decoded_entity(R"({"a":"[\"\\ud83d\"]"})") == parse(R"({"a": ["_xD83D_"]})"));
    const value text = member(R"(["\ud83d"])"); // not a list, but a text with a backslash
    CHECK(decoded_entity(encode(text)) == text);
}

TEST_CASE("half a surrogate pair that another client wrote does not make a page unreadable") {
    const auto rows =
        decode_page(R"({"value":[{"PartitionKey":"p","RowKey":"1","a":"cut \ud83d","b":"\ud83d\ude00"},
        {"PartitionKey":"p","RowKey":"2","a":"whole"}]})");
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].value() == parse(R"({"a": "cut _xD83D_", "b": "\ud83d\ude00"})"));
}

TEST_CASE("NaN and infinities are restored at any depth") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    value v;
    v["n"] = std::nan("");
    v["i"] = -infinity;
    v["list"] = {std::nan(""), infinity, {{"deep", -infinity}}};
    CHECK(properties(v).at("list") == R"([NaN,Infinity,{"deep":-Infinity}])"); // as Python writes them
    const value read = decoded_entity(encode(v));
    CHECK(std::isnan(read.at("n").as_double()));
    CHECK(read.at("i") == -infinity);
    CHECK(std::isnan(read.at("list").at(0).as_double()));
    CHECK(read.at("list").at(1) == infinity);
    CHECK(read.at("list").at(2).at("deep") == -infinity);
}

TEST_CASE("an entry has the types of its members") {
    const auto rows =
        decode_page(R"({"value":[{"PartitionKey":"p","RowKey":"k","when@odata.type":"Edm.DateTime",
        "when":"2020-01-02T03:04:05Z","id":"0f8f","id@odata.type":"Edm.Guid","small@odata.type":"Edm.Int64","small":"5",
        "big@odata.type":"Edm.Int64","big":"5000000000","i":5,"d":5.0,"b":true,"s":"x","n":"null","my_x002D_id":"AA==",
        "my_x002D_id@odata.type":"Edm.Binary","u_part_1":"18446744073709551615","f":"NaN","f@odata.type":"Edm.Double"}]})");
    REQUIRE(rows.size() == 1);
    const entry& e = rows[0];
    CHECK(e.edm_type("when") == "Edm.DateTime");
    CHECK(e.edm_type("id") == "Edm.Guid");
    CHECK(e.edm_type("small") == "Edm.Int64");
    CHECK(e.value().at("small") == 5);
    CHECK(e.edm_type("big") == "Edm.Int64");
    CHECK(e.edm_type("i") == "Edm.Int32");
    CHECK(e.edm_type("d") == "Edm.Double");
    CHECK(e.edm_type("b") == "Edm.Boolean");
    CHECK(e.edm_type("s") == "Edm.String");
    CHECK(e.edm_type("n") == "Edm.String");
    CHECK(e.edm_type("my-id") == "Edm.Binary");
    CHECK(e.edm_type("u") == "Edm.String");
    CHECK(e.edm_type("f") == "Edm.Double");
    CHECK(decode_page(R"({"value":[{"PartitionKey":"","RowKey":"","j_part_1":"true"}]})")[0].edm_type("j")
          == "Edm.String");
    CHECK(e.edm_type("absent").empty());
    CHECK(e.edm_type("RowKey").empty());
}

TEST_CASE("decoding time is proportional to the size of a hostile response") {
    // Parsed each time its name recurs, the text would take minutes.
    std::string again;
    for (int i = 0; i < 1'000; ++i) again += R"("odata.x":"[","a":"[",)";
    CHECK(decoded_entity(R"({"a":"[)" + std::string(2'000'000, '1') + "\"," + again + R"("end":1})").size()
          == 2);
}
