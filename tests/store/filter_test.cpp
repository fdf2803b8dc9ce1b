#include <azkv/error.hpp>
#include <azkv/filter.hpp>

#include <doctest/doctest.h>

using namespace azkv;

TEST_CASE("texts in filters cannot end their quotes") {
    CHECK(filter_text("O'Hara") == "'O''Hara'");
    CHECK(filter_text("") == "''");
    CHECK(filter_text("x' or 1 eq 1 or 'a") == "'x'' or 1 eq 1 or ''a'");
    CHECK(filter_text("null") == "'\"null\"'"); // as a member with that text is stored
    CHECK(filter_text("{it's}") == "'{it''s}'");
    CHECK(filter_key("it's/1") == "'it''s_x002F_1'");
    CHECK_THROWS_AS(filter_key("\xFF"), error);
}

TEST_CASE("members in filters are named as they are stored") {
    CHECK(filter_name("age", service_mode::storage) == "age");
    CHECK(filter_name("my-name", service_mode::storage) == "my_x002D_name");
    CHECK(filter_name("id", service_mode::storage) == "id");
    CHECK(filter_name("id", service_mode::cosmos) == "_x0069_d");
    CHECK_THROWS_AS(filter_name("", service_mode::storage), error);
}
