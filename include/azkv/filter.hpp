#pragma once

#include <azkv/config.hpp>
#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv {

// Parts of OData filters made from untrusted strings. Without them, a quote in a string can change the
// meaning of a filter.

/// Quotes `text` for comparing it with a member: `"name eq " + azkv::filter_text("O'Hara")` is
/// `name eq 'O''Hara'`. A text that reads as JSON, such as `null`, becomes a JSON string, as it is stored.
[[nodiscard]] AZKV_DECL std::string filter_text(std::string_view text);

/// Quotes a key or a partition key for comparing it with RowKey or PartitionKey. Escapes the characters that
/// a key in a table cannot contain, as the store does.
///
/// Throws: `azkv::error` (errc::invalid_argument or errc::too_large) if the key is not UTF-8, or is longer
/// than Table Storage accepts.
[[nodiscard]] AZKV_DECL std::string filter_key(std::string_view key);

/// Returns the name that a member is stored under, for comparing the member:
/// `azkv::filter_name("my-name", azkv::service_mode::storage) + " eq 1"`. A name that is an identifier is
/// stored unchanged. Long members, which are stored in parts, cannot be compared.
///
/// Throws: `azkv::error` (errc::invalid_argument or errc::too_large) if the name is empty, too long or not
/// UTF-8.
[[nodiscard]] AZKV_DECL std::string filter_name(std::string_view member, service_mode mode);

} // namespace azkv
