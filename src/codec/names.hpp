// Names and keys: how collections, keys and members are stored.
#pragma once

#include <azkv/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::codec {

// Not every text is valid as a key or as a property name in the service. An invalid character is written as
// `_xHHHH_`, its UTF-16 code units in hexadecimal; so is the first character of a text that looks like such
// an escape. Hence `unescape_..(escape_..(s)) == s` for every s.

/// Returns the table of a collection, by the rule of LlamaIndex's store: drops all characters except ASCII
/// letters and digits, puts `A` before a leading digit, pads short names with `A`, and cuts long ones to 63
/// characters. Throws `azkv::error` (errc::invalid_argument) if nothing is left, if the result is the
/// reserved `tables`, or, if `naming` is strict, if the rule would change the name.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
std::string table_name(std::string_view collection, table_naming naming = table_naming::sanitized);

enum class key_kind { row, partition };

/// Returns the partition or row key that stores `key`. Throws `azkv::error` if it is too long, is not UTF-8,
/// or, in cosmos mode, is empty.
std::string escape_key(std::string_view key, service_mode mode, key_kind kind = key_kind::row);

/// The property that holds when a row expires. It is no member of the value.
inline constexpr std::string_view expiry_property = "azkv_expires";

/// Returns whether the service reserves a property name.
bool is_system_name(std::string_view name, service_mode mode);

/// Returns whether a member's name is stored unchanged and a property of that name is that member. True of
/// most names.
bool is_plain_property(std::string_view name, service_mode mode);

/// Returns the property name that stores the member `name`. Throws `azkv::error` if it is empty, too long or
/// not UTF-8.
std::string escape_property(std::string_view name, service_mode mode);

/// Undoes `escape_key`. Returns text that `escape_key` cannot have written unchanged: another program wrote
/// it, and it must not be mistaken for another key.
std::string unescape_key(std::string_view stored);

/// Undoes `escape_property`, in either mode. Returns text that `escape_property` cannot have written
/// unchanged.
std::string unescape_property(std::string_view stored);

/// Returns the property name of a part of a long member: `text_part_2`.
std::string name_of_part(std::string_view base, std::size_t number);

/// The name of a part of a long member.
class part_name {
public:
    std::string_view base;  // the property name of the whole
    std::size_t number = 0; // from 1
};

/// Parses the property name of a part; nullopt if it is not one.
std::optional<part_name> read_part_name(std::string_view stored);

/// Throws `azkv::error`, which names the member, if a property name as stored is too long.
void check_property_name(std::string_view stored, std::string_view member);

/// Returns `text` in double quotes for messages, in ASCII and cut to a readable length.
std::string in_quotes(std::string_view text);

} // namespace azkv::codec
