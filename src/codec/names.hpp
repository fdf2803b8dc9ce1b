#pragma once

#include <azkv/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::codec {

// The service holds not every text as a key or as a property name. What it cannot hold is written as
// `_xHHHH_`, a UTF-16 code unit in hexadecimal; so is the first character of a text that looks like such an
// escape by itself. Hence `unescape_..(escape_..(s)) == s` for every s.

/// The table for a collection, by the rule of LlamaIndex's store: what is no ASCII letter or digit is
/// dropped, `A` is put before a leading digit, short names are filled with `A`, long ones cut at 63. Throws
/// `azkv::error` (errc::invalid_argument) if nothing is left, the name is the reserved `tables`, or (if
/// `naming` is strict) the rule would change it.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
std::string table_name(std::string_view collection, table_naming naming = table_naming::sanitized);

enum class key_kind { row, partition };

/// The partition or row key to store `key` as. Throws `azkv::error` if it is too long, is not UTF-8, or (in
/// cosmos mode) is empty.
std::string escape_key(std::string_view key, service_mode mode, key_kind kind = key_kind::row);

/// Whether the service has a property of that name for itself.
bool is_system_name(std::string_view name, service_mode mode);

/// Whether a member's name is stored as it is, and a property of that name is that member: so it is with
/// most.
bool is_plain_property(std::string_view name, service_mode mode);

/// The property name to store the member `name` as. Throws `azkv::error` if it is empty, too long or not
/// UTF-8.
std::string escape_property(std::string_view name, service_mode mode);

/// The key that was escaped. A text that `escape_key` would not have made is returned as it is: others wrote
/// it, and it must not be mistaken for another key.
std::string unescape_key(std::string_view stored);

/// The member whose name was escaped, in either mode; a text that `escape_property` would not have made is
/// returned as it is.
std::string unescape_property(std::string_view stored);

/// The property name of a piece of a long member: `text_part_2`.
std::string name_of_part(std::string_view base, std::size_t number);

/// A piece of a long member.
class part_name {
public:
    std::string_view base;  // the property name of the whole
    std::size_t number = 0; // from 1
};

/// What a property name tells of the part it holds; nullopt if it names none.
std::optional<part_name> read_part_name(std::string_view stored);

/// Checks the length of a property's name, as stored, and throws `azkv::error` naming the member.
void check_property_name(std::string_view stored, std::string_view member);

/// `text` between double quotes, in ASCII and cut to a readable length, for messages.
std::string in_quotes(std::string_view text);

} // namespace azkv::codec
