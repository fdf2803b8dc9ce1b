// Types and values of the data model: dates, GUIDs, binary, the order of keys.
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

/// Returns whether a text is a number such as `-1`, `1.5`, `1e3` or `1.5E-3`: no point without digits on both
/// sides, no words.
bool is_decimal(std::string_view text);

/// The types of the data model.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
enum class edm { string, int32, int64, real, boolean, date_time, guid, binary };

/// The value of one property.
class edm_value {
public:
    edm_value() {}

    edm_value(edm type, std::string text) : type(type), text(std::move(text)) {}

    edm_value(edm type, std::int64_t integer) : type(type), integer(integer) {}

    explicit edm_value(double number) : type(edm::real), number(number) {}

    edm type = edm::string;
    std::string text;         // string: UTF-8; guid: in lower case; binary: raw bytes
    std::int64_t integer = 0; // int32, int64, boolean; date_time: ticks
    double number = 0;        // real

    friend bool operator==(const edm_value&, const edm_value&) = default;
};

/// Returns the type of a name such as `Edm.Int64`; nullopt if there is none.
std::optional<edm> edm_named(std::string_view name);
std::string_view edm_name(edm);

/// Returns whether every entity has a property of that name.
inline bool is_key(std::string_view name) {
    return name == "PartitionKey" || name == "RowKey" || name == "Timestamp";
}

/// Times in units of 100 ns since 1601-01-01, the first day that the service supports.
using ticks = std::int64_t;

ticks now_in_ticks(std::int64_t microseconds_since_1970);

/// Parses `2020-01-02T03:04:05.1234567Z`. The fraction has up to seven digits or is absent; the seconds, or
/// the whole time, may be absent. In place of `Z` there may be an offset (`+01:30`, at most 14 hours) or
/// nothing, which also means UTC. Returns nullopt if the text is not valid, or is before 1601 or after 9999.
std::optional<ticks> parse_date_time(std::string_view text);

/// How many digits of the fraction to write.
enum class fraction { trimmed, seven };

std::string format_date_time(ticks, fraction);

/// Returns a GUID (8-4-4-4-12 hexadecimal digits) in lower case; nullopt if the text is not one.
std::optional<std::string> parse_guid(std::string_view text);

/// Decodes two hexadecimal digits, in either case, for each byte.
std::optional<std::string> decode_hex(std::string_view text);

/// Returns a string whose bytes sort like the UTF-16 code units of `utf8`, which is the order of the service.
/// Keeps bytes that are not UTF-8.
std::string sort_key(std::string_view utf8);

/// Undoes `sort_key`.
std::string text_of_sort_key(std::string_view key);

} // namespace azkv::emulation
