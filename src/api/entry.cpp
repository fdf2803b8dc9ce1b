#include "codec/entity.hpp"

#include <azkv/entry.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace azkv {

namespace {

// Parses and removes a number of `digits` digits at the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int n = 0;
    const auto result = std::from_chars(text.data(), text.data() + digits, n);
    if (result.ptr != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    return n;
}

} // namespace

std::string_view entry::edm_type(std::string_view member) const {
    const auto* const found = value_.if_contains(member);
    if (!found) return {};
    const auto listed = std::ranges::find(edm_types_, member, [](const auto& t) { return t.first; });
    return listed != edm_types_.end() ? std::string_view(listed->second) : codec::natural_type(*found);
}

// Format: 2020-08-18T23:36:30.576837Z, with up to seven digits after the decimal point, or no fraction.
std::chrono::system_clock::time_point entry::timestamp() const {
    using namespace std::chrono;
    std::string_view text = timestamp_;
    constexpr std::string_view separators = "--T::";
    int parts[6] = {};
    for (std::size_t i = 0; i < 6; ++i) {
        const auto n = take_number(text, i == 0 ? 4 : 2);
        if (!n) return {};
        parts[i] = *n;
        if (i == 5) break;
        if (!text.starts_with(separators[i])) return {};
        text.remove_prefix(1);
    }
    nanoseconds fraction{0};
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        nanoseconds digit{100'000'000};
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9';
             text.remove_prefix(1), digit /= 10)
            fraction += digit * (text.front() - '0');
    }
    const auto day = year(parts[0]) / parts[1] / parts[2];
    const bool valid = day.ok() && parts[3] >= 0 && parts[3] < 24 && parts[4] >= 0 && parts[4] < 60
                       && parts[5] >= 0 && parts[5] <= 60; // 60: a leap second
    if (!valid) return {};
    const sys_seconds whole = sys_days(day) + hours(parts[3]) + minutes(parts[4]) + seconds(parts[5]);
    // The system clock's range is 1677 to 2262.
    if (whole <= ceil<seconds>(system_clock::time_point::min())) return system_clock::time_point::min();
    if (whole >= floor<seconds>(system_clock::time_point::max())) return system_clock::time_point::max();
    return system_clock::time_point(whole) + duration_cast<system_clock::duration>(fraction);
}

} // namespace azkv
