#include "codec/names.hpp"
#include "support/run.hpp"

#include <azkv/error.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace azkv;
using namespace azkv::codec;
using test::contains;
using test::failure_of;

TEST_CASE("collections become table names by LlamaIndex's rule") {
    CHECK(table_name("data") == "data");
    CHECK(table_name("docstore/data") == "docstoredata");
    CHECK(table_name("my-table_1") == "mytable1");
    CHECK(table_name("1abc") == "A1abc");
    CHECK(table_name("a") == "aAA");
    CHECK(table_name("é日x") == "xAA");
    CHECK(table_name("9") == "A9A");
    CHECK(table_name(std::string(100, 'x')) == std::string(63, 'x'));
    CHECK(failure_of([] { table_name("--"); }).code() == errc::invalid_argument);
    CHECK(failure_of([] { table_name(""); }).code() == errc::invalid_argument);
    CHECK(contains(failure_of([] { table_name("TAB-les"); }).what(), "reserved"));
}

TEST_CASE("strict naming rejects what the rule would change") {
    for (const char* name : {"data", "Data1", "abc"}) CHECK(table_name(name, table_naming::strict) == name);
    CHECK(table_name(std::string(63, 'x'), table_naming::strict) == std::string(63, 'x'));
    for (const char* name : {"my-docs", "1abc", "ab", "", "dätä", "a b c", "data\n"}) {
        CAPTURE(name);
        CHECK(failure_of([&] { table_name(name, table_naming::strict); }).code() == errc::invalid_argument);
    }
    CHECK(contains(
        failure_of([] { table_name("my-docs", table_naming::strict); }).what(),
        R"(invalid collection "my-docs": not a table name, and the naming is strict; use "mydocs")"));
    CHECK_THROWS_AS(table_name(std::string(64, 'x'), table_naming::strict), error);
    CHECK_THROWS_AS(table_name("Tables", table_naming::strict), error);
}

TEST_CASE("keys: what the service cannot hold is escaped and restored") {
    const auto stored = [](std::string_view key) { return escape_key(key, service_mode::storage); };
    CHECK(stored("plain 'key' %41 + é 日本 😀") == "plain 'key' %41 + é 日本 😀");
    CHECK(stored("a/b") == "a_x002F_b");
    CHECK(stored("\\#?") == "_x005C__x0023__x003F_");
    CHECK(stored(std::string("\0\x1f", 2)) == "_x0000__x001F_");
    CHECK(stored("\x7f\xC2\x80\xC2\x9f\xC2\xA0") == "_x007F__x0080__x009F_\xC2\xA0");
    CHECK(stored("_x002F_") == "_x005F_x002F_");
    CHECK(stored("_x002f_ _xZZZZ_ _x002F") == "_x002f_ _xZZZZ_ _x002F");
    CHECK(stored("__x0041__x0041_") == "__x005F_x0041__x005F_x0041_");
    CHECK(stored("") == "");

    for (int c = 0; c < 256; ++c) { // every code point below 256, alone and next to look-alikes
        const char32_t point = static_cast<char32_t>(c);
        std::string key;
        if (point < 0x80) {
            key = static_cast<char>(point);
        } else {
            key = {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 63))};
        }
        CHECK(unescape_key(stored(key)) == key);
        CHECK(unescape_key(stored("_x00" + key + "_x0041_" + key)) == "_x00" + key + "_x0041_" + key);
    }
}

TEST_CASE("keys: the limits are the service's") {
    const std::string longest(512, 'k');
    CHECK(escape_key(longest, service_mode::storage) == longest);
    const error e = failure_of([&] { escape_key(longest + 'k', service_mode::storage); });
    CHECK(e.code() == errc::too_large);
    CHECK(contains(e.what(), "513 UTF-16 units"));
    CHECK(contains(e.what(), "512"));
    std::string emoji;
    for (int i = 0; i < 256; ++i) emoji += "😀";
    CHECK_NOTHROW(escape_key(emoji, service_mode::storage));
    CHECK_THROWS_AS(escape_key(emoji + "x", service_mode::storage), error);

    std::string wide; // 512 units, but 1536 bytes
    for (int i = 0; i < 512; ++i) wide += "日";
    CHECK_NOTHROW(escape_key(wide, service_mode::storage, key_kind::partition));
    CHECK(contains(failure_of([&] { escape_key(wide, service_mode::cosmos, key_kind::partition); }).what(),
                   "1024"));
    CHECK_NOTHROW(escape_key(std::string(256, 'k'), service_mode::cosmos, key_kind::partition));
    CHECK_NOTHROW(escape_key(std::string(255, 'k'), service_mode::cosmos));
    CHECK(failure_of([] { escape_key(std::string(256, 'k'), service_mode::cosmos); }).code()
          == errc::too_large);
    CHECK(failure_of([] { escape_key("", service_mode::cosmos); }).code() == errc::invalid_argument);
    CHECK(contains(failure_of([] { escape_key("\xFF", service_mode::storage); }).what(), "UTF-8"));
}

TEST_CASE("property names: what is not an identifier is escaped and restored") {
    const auto stored = [](std::string_view name) { return escape_property(name, service_mode::storage); };
    CHECK(stored("name_1") == "name_1");
    CHECK(stored("my-name") == "my_x002D_name");
    CHECK(stored("1st") == "_x0031_st");
    CHECK(stored("PartitionKey") == "_x0050_artitionKey");
    CHECK(stored("RowKey") == "_x0052_owKey");
    CHECK(stored("Timestamp") == "_x0054_imestamp");
    CHECK(stored("odata.etag") == "odata_x002E_etag");
    CHECK(stored("a@odata.type") == "a_x0040_odata_x002E_type");
    CHECK(stored("text_part_12") == "text__x0070_art_12");
    CHECK(stored("_part_1") == "__x0070_art_1");
    CHECK(stored("a-part_1") == "a_x002D__x0070_art_1"); // an escape ends with the `_` of `_part_1`
    CHECK(stored("1part_1") == "_x0031__x0070_art_1");
    CHECK(stored("part_1") == "part_1");
    CHECK(stored("apart_1") == "apart_1");
    CHECK(stored("a_part_007") == "a__x0070_art_007");
    CHECK(stored("a_part_") == "a_part_");
    CHECK(stored("a_part_1b") == "a_part_1b");
    CHECK(stored("_x0041_") == "_x005F_x0041_");
    CHECK(stored("größe") == "größe"); // letters beyond ASCII, except rare ones
    CHECK(stored("имя") == "имя");
    CHECK(stored("名前") == "名前");
    CHECK(stored("×ß÷😀") == "_x00D7_ß_x00F7__xD83D__xDE00_");
    CHECK(stored("id") == "id");
    CHECK(escape_property("id", service_mode::cosmos) == "_x0069_d");
    CHECK(escape_property("etag", service_mode::cosmos) == "_x0065_tag");

    for (const char* name :
         {"name_1", "my-name", "1st", "RowKey", "text_part_12", "_part_1", "_x0041_", "é😀", " "})
        CHECK(unescape_property(stored(name)) == name);

    CHECK(failure_of([&] { stored(""); }).code() == errc::invalid_argument);
    CHECK(failure_of([&] { stored("\xFF"); }).code() == errc::invalid_argument);
    CHECK_NOTHROW(stored(std::string(255, 'n')));
    std::string wide; // 255 units, but 510 bytes
    for (int i = 0; i < 255; ++i) wide += "é";
    CHECK(stored(wide) == wide);
    CHECK(contains(failure_of([&] { stored(wide + "x"); }).what(),
                   "256 UTF-16 units as stored; the service holds 255"));
    CHECK(failure_of([&] { stored(std::string(256, 'n')); }).code() == errc::too_large);
}

TEST_CASE("names that Cosmos DB drops or rejects or reserves are escaped there") {
    for (const char* name :
         {"id",    "ID",           "Id",         "rid",          "RID",    "etag",     "Etag",  "ETag",
          "ETAG",  "ResourceId",   "resourceid", "RESOURCEID",   "ttl",    "_ts",      "_etag", "_rid",
          "_self", "_attachments", "_ttl",       "PartitionKey", "RowKey", "Timestamp"}) {
        CAPTURE(name);
        const std::string stored = escape_property(name, service_mode::cosmos);
        CHECK(stored != name);
        CHECK(stored.starts_with("_x00"));
        CHECK(unescape_property(stored) == name);
        CHECK(unescape_property(name) == name); // as rows written before have it
        CHECK_FALSE(is_plain_property(name, service_mode::cosmos));
    }
    for (const char* name : {"TTL", "_Ts", "ids", "grid", "etags", "ts", "self", "birthday", "Birthday"}) {
        CAPTURE(name);
        CHECK(escape_property(name, service_mode::cosmos) == name);
        CHECK(is_plain_property(name, service_mode::cosmos));
    }
    for (const char* name : {"id", "Etag", "ttl", "_ts", "ResourceId"})
        CHECK(escape_property(name, service_mode::storage) == name);
}

TEST_CASE("escapes and their look-alikes are restored in any order") {
    CHECK(escape_key("_x0041/", service_mode::storage) == "_x005F_x0041_x002F_"); // not A and a rest
    CHECK(escape_key("_x0041b", service_mode::storage) == "_x0041b");
    const std::vector<std::string> pieces{"_",    "x", "0", "0041", "_x0041", "_x0041_",
                                          "D83D", "/", "-", "é",    "😀",      "_part_1"};
    std::mt19937 random(20261122);
    std::uniform_int_distribution<std::size_t> piece(0, pieces.size() - 1);
    for (int i = 0; i < 100'000; ++i) {
        std::string text;
        for (std::size_t n = 1 + piece(random) % 6; n > 0; --n) text += pieces[piece(random)];
        CAPTURE(text);
        REQUIRE(unescape_key(escape_key(text, service_mode::storage)) == text);
        REQUIRE(unescape_property(escape_property(text, service_mode::storage)) == text);
    }
}

TEST_CASE("what azkv would not store as a key or name is read unchanged") {
    for (const char* text : {"a_x00_b", "_xD83D_", "_xDE00_x", "_xD83D__x0041_", "_x0061_"}) {
        CAPTURE(text);
        CHECK(unescape_key(text) == text);
        CHECK(unescape_property(text) == text);
    }
    CHECK(unescape_key("a_x002D_b") == "a_x002D_b"); // only names escape it
    CHECK(unescape_property("a_x002D_b") == "a-b");
    CHECK(unescape_property("_x0069_d") == "id"); // in cosmos mode
    CHECK(unescape_key("_x002F_\xFF") == "_x002F_\xFF");
    CHECK(unescape_property("_x002F_\xFF") == "_x002F_\xFF");
}

TEST_CASE("names of parts") {
    const auto part = read_part_name("text_part_12");
    REQUIRE(part);
    CHECK(part->base == "text");
    CHECK(part->number == 12);
    CHECK(name_of_part("text", 12) == "text_part_12");
    CHECK(read_part_name("a_part_1_part_2")->base == "a_part_1");
    for (const char* name : {"text", "_part_1", "a_part_", "a_part_0", "a_part_01", "a_part_1x", "a_part_-1",
                             "a_part_99999999999999999999", "a_Part_1"})
        CHECK_FALSE(read_part_name(name));
}

TEST_CASE("in_quotes keeps messages readable") {
    CHECK(in_quotes("k\"1\n") == R"("k\"1\n")");
    CHECK(in_quotes(std::string(500, 'k')) == '"' + std::string(100, 'k') + "...\"");
    CHECK(contains(in_quotes(std::string(99, 'k') + "日本"), std::string(99, 'k') + "..."));
    CHECK(in_quotes("\xFF") == "(not UTF-8)");
}
