#pragma once

#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv::codec {

// The service holds not every text as a key or as a property name. What it cannot hold is written as
// `_xHHHH_`, a UTF-16 code unit in hexadecimal; so is the first character of a text that looks like such an
// escape by itself. Hence `unescape(escape_..(s)) == s` for every s.

/// The table for a collection, by the rule of LlamaIndex's store: what is no ASCII letter or digit is
/// dropped, `A` is put before a leading digit, short names are filled with `A`, long ones cut at 63. Throws
/// `azkv::error` (errc::invalid_argument) if nothing is left, or the name is the reserved `tables`.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
std::string table_name(std::string_view collection);

enum class key_kind { row, partition };

/// The partition or row key to store `key` as. Throws `azkv::error` if it is too long, is not UTF-8, or (in
/// cosmos mode) is empty.
std::string escape_key(std::string_view key, service_mode mode, key_kind kind = key_kind::row);

/// The property name to store the member `name` as. Throws `azkv::error` if it is empty, too long or not
/// UTF-8.
std::string escape_property(std::string_view name, service_mode mode);

/// The text that was escaped. A text without escapes is returned as it is.
std::string unescape(std::string_view stored);

/// Appends `text` between double quotes, in ASCII and cut to a readable length, for messages.
std::string in_quotes(std::string_view text);

} // namespace azkv::codec
