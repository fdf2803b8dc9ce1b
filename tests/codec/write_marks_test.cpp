#include "codec/write_marks.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace azkv;
using namespace azkv::codec;

TEST_CASE("marks of writes come back from their text, newest first") {
    write_marks marks;
    CHECK(marks.text().empty());
    marks.add(write_mark(0x0123'4567'89AB'CDEF, 0));
    CHECK(marks.text() == "ASNFZ4mrze8AAAAAAAA"); // part of the storage format
    marks.add(write_mark(UINT64_MAX, 0xFFFF'FFFF'FFFF));
    const write_marks read(marks.text());
    CHECK(read.text() == marks.text());
    CHECK(read.begins_with(UINT64_MAX));
    CHECK(read.has(0x0123'4567'89AB'CDEF));
    CHECK_FALSE(read.begins_with(0x0123'4567'89AB'CDEF));
    CHECK_FALSE(read.has(0));
    CHECK(read.others_replaced(0xFFFF'FFFF'FFFF, 1));
    CHECK_FALSE(read.others_replaced(0xFFFF'FFFF'FFFF, UINT64_MAX)); // our own
    CHECK_FALSE(read.others_replaced(1, 1));
}

TEST_CASE("a row keeps the marks of its last eight writes") {
    write_marks marks;
    for (std::uint64_t id = 1; id <= 10; ++id) marks.add(write_mark(id, id));
    CHECK(marks.text().size() == write_marks::most * 19);
    for (std::uint64_t id = 1; id <= 10; ++id) CHECK(marks.has(id) == (id > 2));
    CHECK(write_marks(marks.text()).text() == marks.text());
}

TEST_CASE("text that is not of azkv has no marks") {
    const std::string one = "ASNFZ4mrze8AAAAAAAA";
    std::string nine;
    for (int i = 0; i < 9; ++i) nine += one;
    for (const std::string& text : {one + "A", one.substr(1), one.substr(1) + "!", one + one.substr(1) + " ",
                                    std::string(19, '='), std::string("azkv"), nine})
        CHECK(write_marks(text).text().empty());
}

TEST_CASE("the hash of a version depends on both keys and the ETag") {
    const etag one("W/\"datetime'2026-01-02T03%3A04%3A05Z'\"");
    CHECK(hash_of(entity_key("p", "r"), one) == 0x70EF'0BDA'CF5EULL); // part of the storage format
    const std::set<std::uint64_t> all{hash_of(entity_key("p", "r"), one), hash_of(entity_key("pr", ""), one),
                                      hash_of(entity_key("", "pr"), one), hash_of(entity_key("r", "p"), one),
                                      hash_of(entity_key("p", "r"), etag("W/\"1\""))};
    CHECK(all.size() == 5);
    for (const std::uint64_t hash : all) CHECK(hash < std::uint64_t{1} << 48);
}
