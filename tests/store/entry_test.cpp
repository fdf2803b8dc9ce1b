#include "codec/entry_access.hpp"

#include <azkv/entry.hpp>

#include <doctest/doctest.h>

using namespace azkv;
using namespace std::chrono;

namespace {

system_clock::time_point parsed(const char* text) {
    entry e("p", "k", {});
    detail::entry_access::set_timestamp(e, text);
    return e.timestamp();
}

} // namespace

TEST_CASE("timestamps with up to seven digits of a second") {
    const auto second = system_clock::from_time_t(1767323045);
    CHECK(parsed("2026-01-02T03:04:05Z") == second);
    CHECK(parsed("2026-01-02T03:04:05.5Z") == second + milliseconds(500));
    CHECK(parsed("2026-01-02T03:04:05.1234567Z") == second + nanoseconds(123'456'700));
    CHECK(parsed("9999-12-31T23:59:59.9999999Z") == system_clock::time_point::max());
    CHECK(parsed("0001-01-01T00:00:00Z") == system_clock::time_point::min());
    CHECK(parsed("2026-01-02T24:04:05Z") == system_clock::time_point());
    CHECK(parsed("2026-01-02T-1:04:05Z") == system_clock::time_point());
    for (const char* text : {"", "yesterday", "2026-13-02T03:04:05Z", "2026-01-02", "2026-01-02 03:04:05Z"})
        CHECK(parsed(text) == system_clock::time_point());
}

TEST_CASE("the value can be moved out of an entry") {
    entry e("p", "k", value{{"a", 1}}, etag("e"));
    CHECK(e.partition_key() == "p");
    CHECK(e.key() == "k");
    CHECK(e.etag() == etag("e"));
    CHECK(e.etag().text() == "e");
    CHECK_FALSE(e.partial());
    e.value()["b"] = 2;
    const value taken = std::move(e).value();
    CHECK(taken == value{{"a", 1}, {"b", 2}});
}
