#include "emulator/edm.hpp"

#include "codec/utf.hpp"
#include "support/whole_number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ratio>

namespace azkv::emulation {

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 8> edm_names{"Edm.String",  "Edm.Int32",    "Edm.Int64", "Edm.Double",
                                                    "Edm.Boolean", "Edm.DateTime", "Edm.Guid",  "Edm.Binary"};

using tick = std::chrono::duration<ticks, std::ratio<1, 10'000'000>>;

constexpr std::chrono::sys_days first_day = std::chrono::year(1601) / 1 / 1;
constexpr std::chrono::sys_days day_after_last = std::chrono::year(10000) / 1 / 1;

constexpr std::size_t fraction_digits = 7;

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

bool take_digits(std::string_view& text) {
    const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
    text.remove_prefix(digits);
    return digits > 0;
}

// Takes a number of exactly that many digits and at most `max`.
std::optional<int> take_number(std::string_view& text, std::size_t digits, int max) {
    if (text.size() < digits || !std::all_of(text.begin(), text.begin() + digits, is_digit))
        return std::nullopt;
    const auto number = support::whole_number<int>(text.substr(0, digits), 0, max);
    if (number) text.remove_prefix(digits);
    return number;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
    const auto year = take_number(text, 4, 9999);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_number(text, 2, 12);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_number(text, 2, 31);
    if (!day) return std::nullopt;
    const auto date = std::chrono::year(*year) / *month / *day;
    return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

std::optional<std::chrono::minutes> take_hours_and_minutes(std::string_view& text) {
    const auto hours = take_number(text, 2, 23);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_number(text, 2, 59);
    if (!minutes) return std::nullopt;
    return std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
}

std::optional<tick> take_fraction(std::string_view& text) {
    const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
    if (digits == 0 || digits > fraction_digits) return std::nullopt;
    auto number = *take_number(text, digits, 9'999'999);
    for (std::size_t n = digits; n < fraction_digits; ++n) number *= 10;
    return tick(number);
}

// Takes the time of day without the zone.
std::optional<tick> take_time(std::string_view& text) {
    const auto minutes = take_hours_and_minutes(text);
    if (!minutes) return std::nullopt;
    if (!take(text, ':')) return *minutes;
    const auto seconds = take_number(text, 2, 59);
    if (!seconds) return std::nullopt;
    const tick time = *minutes + std::chrono::seconds(*seconds);
    if (!take(text, '.')) return time;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    return time + *fraction;
}

// Takes the offset from UTC.
std::optional<std::chrono::minutes> take_zone(std::string_view& text) {
    if (text.empty() || take(text, 'Z')) return 0min;
    const bool negative = text.starts_with('-');
    if (!negative && !text.starts_with('+')) return std::nullopt;
    text.remove_prefix(1);
    const auto offset = take_hours_and_minutes(text);
    if (!offset || *offset > 14h) return std::nullopt;
    return negative ? -*offset : *offset;
}

void append_number(std::string& out, std::int64_t number, std::size_t digits) {
    std::array<char, 20> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    const auto size = static_cast<std::size_t>(end - text.data());
    out.append(digits - std::min(digits, size), '0').append(text.data(), size);
}

bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Appends a code unit as if it were a code point of three bytes.
void append_unit(std::string& out, unsigned unit) {
    out.push_back(static_cast<char>(0xE0 | unit >> 12));
    out.push_back(static_cast<char>(0x80 | (unit >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (unit & 0x3F)));
}

unsigned unit_at(std::string_view three_bytes) {
    const auto bits = [&](std::size_t i) { return static_cast<unsigned char>(three_bytes[i]) & 0x3Fu; };
    return 0xD000 | bits(1) << 6 | bits(2);
}

// Returns whether a code point beyond the first plane begins at `at`, where `key` has 0xED.
bool is_surrogate(std::string_view key, std::size_t at) {
    return at + 6 <= key.size() && static_cast<unsigned char>(key[at + 1]) >= 0xA0;
}

} // namespace

bool is_decimal(std::string_view text) {
    take(text, '-');
    if (!take_digits(text)) return false;
    if (take(text, '.') && !take_digits(text)) return false;
    if (take(text, 'e') || take(text, 'E')) {
        static_cast<void>(take(text, '+') || take(text, '-'));
        if (!take_digits(text)) return false;
    }
    return text.empty();
}

std::optional<edm> edm_named(std::string_view name) {
    const auto found = std::ranges::find(edm_names, name);
    if (found == edm_names.end()) return std::nullopt;
    return static_cast<edm>(found - edm_names.begin());
}

std::string_view edm_name(edm type) {
    return edm_names[static_cast<std::size_t>(type)];
}

ticks now_in_ticks(std::int64_t microseconds_since_1970) {
    const std::chrono::sys_time<tick> now(std::chrono::microseconds{microseconds_since_1970});
    return (now - first_day).count();
}

std::optional<ticks> parse_date_time(std::string_view text) {
    const auto date = take_date(text);
    if (!date) return std::nullopt;
    std::chrono::sys_time<tick> time = *date;
    if (!text.empty()) {
        if (!take(text, 'T')) return std::nullopt;
        const auto of_day = take_time(text);
        if (!of_day) return std::nullopt;
        const auto offset = take_zone(text);
        if (!offset || !text.empty()) return std::nullopt;
        time += *of_day - *offset;
    }
    if (time < first_day || time >= day_after_last) return std::nullopt;
    return (time - first_day).count();
}

std::string format_date_time(ticks t, fraction digits) {
    const std::chrono::sys_time<tick> time = first_day + tick(t);
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<tick> clock(time - day);
    std::string text;
    append_number(text, static_cast<int>(date.year()), 4);
    text.push_back('-');
    append_number(text, static_cast<unsigned>(date.month()), 2);
    text.push_back('-');
    append_number(text, static_cast<unsigned>(date.day()), 2);
    text.push_back('T');
    append_number(text, clock.hours().count(), 2);
    text.push_back(':');
    append_number(text, clock.minutes().count(), 2);
    text.push_back(':');
    append_number(text, clock.seconds().count(), 2);
    text.push_back('.');
    append_number(text, clock.subseconds().count(), fraction_digits);
    if (digits == fraction::trimmed) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.ends_with('.')) text.pop_back();
    }
    text.push_back('Z');
    return text;
}

std::optional<std::string> parse_guid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    std::string guid(text);
    for (std::size_t i = 0; i < guid.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? guid[i] != '-' : !is_hex_digit(guid[i])) return std::nullopt;
        if (guid[i] >= 'A' && guid[i] <= 'F') guid[i] = static_cast<char>(guid[i] - 'A' + 'a');
    }
    return guid;
}

std::optional<std::string> decode_hex(std::string_view text) {
    if (text.size() % 2 != 0 || !std::ranges::all_of(text, is_hex_digit)) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned char byte = 0;
        std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
        bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
}

std::string sort_key(std::string_view utf8) {
    const auto beyond_first_plane = [](char c) { return static_cast<unsigned char>(c) >= 0xF0; };
    std::string key;
    for (;;) {
        const auto at =
            static_cast<std::size_t>(std::ranges::find_if(utf8, beyond_first_plane) - utf8.begin());
        key.append(utf8.substr(0, at));
        utf8.remove_prefix(at);
        if (utf8.empty()) return key;
        const char first = utf8.front();
        if (const char32_t c = codec::next_code_point(utf8); c != codec::malformed) {
            codec::for_each_unit(c, [&](unsigned unit) { append_unit(key, unit); });
        } else {
            key.push_back(first);
            utf8.remove_prefix(1);
        }
    }
}

std::string text_of_sort_key(std::string_view key) {
    std::string utf8;
    while (!key.empty()) {
        std::size_t at = key.find('\xED');
        while (at != key.npos && !is_surrogate(key, at)) at = key.find('\xED', at + 1);
        utf8.append(key.substr(0, at));
        if (at == key.npos) break;
        const unsigned high = unit_at(key.substr(at, 3)), low = unit_at(key.substr(at + 3, 3));
        const char32_t c = 0x10000 + ((high & 0x3FF) << 10 | (low & 0x3FF));
        boost::locale::utf::utf_traits<char>::encode(c, std::back_inserter(utf8));
        key.remove_prefix(at + 6);
    }
    return utf8;
}

} // namespace azkv::emulation
