#include "protocol/http_date.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace azkv::protocol {

namespace {

// The C library's date functions use the program's locale, and streams without one are slow.
constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

} // namespace

std::string http_date(std::chrono::system_clock::time_point at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                  days[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                  months[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    return text.data();
}

std::optional<std::chrono::sys_seconds> parse_http_date(const std::string& text) {
    std::array<char, 4> month{};
    int day = 0, year = 0, hour = 0, minute = 0, second = 0, end = 0;
    const int read = std::sscanf(text.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day,
                                 month.data(), &year, &hour, &minute, &second, &end);
    const auto found = std::ranges::find(months, month.data());
    const bool whole = read == 6 && static_cast<std::size_t>(end) == text.size();
    if (!whole || found == months.end()) return std::nullopt;
    const auto date = std::chrono::year(year) / static_cast<int>(found - months.begin() + 1) / day;
    const bool ok = date.ok() && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0
                    && second <= 60; // a leap second
    if (!ok) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute)
           + std::chrono::seconds(second);
}

} // namespace azkv::protocol
