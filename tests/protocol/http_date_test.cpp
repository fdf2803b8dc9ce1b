#include "protocol/http_date.hpp"

#include <doctest/doctest.h>

using namespace azkv::protocol;

TEST_CASE("dates of HTTP, both ways") {
    const auto at = std::chrono::system_clock::from_time_t(1767323045);
    CHECK(http_date(at) == "Fri, 02 Jan 2026 03:04:05 GMT");
    CHECK(parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT") == at);
    CHECK_FALSE(parse_http_date("120"));
    CHECK_FALSE(parse_http_date("2026-01-02T03:04:05Z"));
    CHECK_FALSE(parse_http_date(""));
}
