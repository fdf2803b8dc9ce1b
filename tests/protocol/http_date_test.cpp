#include "protocol/http_date.hpp"

#include <doctest/doctest.h>

using namespace azkv::protocol;

TEST_CASE("HTTP dates are parsed and formatted") {
    const auto at = std::chrono::system_clock::from_time_t(1767323045);
    CHECK(http_date(at) == "Fri, 02 Jan 2026 03:04:05 GMT");
    CHECK(parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT") == at);
    CHECK_FALSE(parse_http_date("120"));
    CHECK_FALSE(parse_http_date("2026-01-02T03:04:05Z"));
    CHECK_FALSE(parse_http_date(""));

    for (const std::time_t t : {0L, 951'782'399L, 951'782'400L, 1'704'067'199L, 4'102'444'800L}) {
        const auto moment = std::chrono::system_clock::from_time_t(t);
        CHECK(parse_http_date(http_date(moment)) == moment);
        CHECK(http_date(moment + std::chrono::milliseconds(999)) == http_date(moment));
    }
    CHECK(http_date(std::chrono::system_clock::from_time_t(0)) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(http_date(std::chrono::system_clock::from_time_t(951'782'400)) == "Tue, 29 Feb 2000 00:00:00 GMT");
    for (const char* bad :
         {"Fri, 02 Jan 2026 03:04:05 GMT ", "Fri, 02 Jan 2026 03:04:05 CET", "Fri, 02 Jan 2026 03:04 GMT",
          "Fri, 30 Feb 2026 03:04:05 GMT", "Fri, 02 Foo 2026 03:04:05 GMT", "Fri, 02 Jan 2026 24:04:05 GMT",
          "Fri, 02 Jan 2026 03:60:05 GMT", "Fri, 02 Jan 2026 03:04:-5 GMT", "Fri, 02 Jan 2026 03:04:05",
          "02 Jan 2026 03:04:05 GMT"})
        CHECK_FALSE(parse_http_date(bad));
}
