#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace azkv::emulation {

inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The types of the service's data model.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
enum class edm { string, int32, int64, real, boolean, date_time, guid, binary };

/// What one property holds.
class edm_value {
public:
    edm_value() {}

    edm_value(edm type, std::string text) : type(type), text(std::move(text)) {}

    edm_value(edm type, std::int64_t integer) : type(type), integer(integer) {}

    explicit edm_value(double number) : type(edm::real), number(number) {}

    edm type = edm::string;
    std::string text;         // string: UTF-8; guid: in lower case; binary: the bytes themselves
    std::int64_t integer = 0; // int32, int64, boolean; date_time: ticks
    double number = 0;        // real

    friend bool operator==(const edm_value&, const edm_value&) = default;
};

/// `Edm.Int64` and so on; nullopt for what is no type.
std::optional<edm> edm_named(std::string_view name);
std::string_view edm_name(edm);

/// Times are counted in ticks of 100 ns since 1601-01-01, the first day that the service knows.
using ticks = std::int64_t;

ticks now_in_ticks(std::int64_t microseconds_since_1970);

/// `2020-01-02T03:04:05.1234567Z`, with up to seven digits, or none, in the fraction; seconds, or all of the
/// time, may be left out. In place of the `Z` there may be an offset (`+01:30`, at most 14 hours) or nothing,
/// which is UTC as well. nullopt for what is none, or before 1601 or after 9999.
std::optional<ticks> parse_date_time(std::string_view text);

/// How many digits of a fraction are written.
enum class fraction { trimmed, seven };

std::string format_date_time(ticks, fraction);

/// 8-4-4-4-12 hexadecimal digits, in lower case; nullopt for what is no guid.
std::optional<std::string> parse_guid(std::string_view text);

/// Two digits, in either case, for each byte.
std::optional<std::string> decode_hex(std::string_view text);

/// A text whose bytes are in the order of the UTF-16 code units of `utf8`, in which the service sorts.
/// Bytes that are not UTF-8 stay as they are.
std::string sort_key(std::string_view utf8);

/// The text that `sort_key` was made of.
std::string text_of_sort_key(std::string_view key);

} // namespace azkv::emulation
