#pragma once

#include <azkv/config.hpp>
#include <azkv/value.hpp>

#include <string>
#include <string_view>

namespace azkv {

// Pieces of OData filters, for texts that come from outside: a filter that is put together without them can
// be changed in meaning by a quote in a text.

/// `text` as a literal, as a member holds it: `"name eq " + azkv::filter_text("O'Hara")` is
/// `name eq 'O''Hara'`. (A text that reads as JSON, such as `null`, is stored as a JSON string.)
[[nodiscard]] AZKV_DECL std::string filter_text(std::string_view text);

/// A key, or a partition key, as a literal to compare RowKey or PartitionKey with: as it is stored, with
/// those characters escaped that a key in a table cannot have. Throws `azkv::error` if it is not UTF-8, or
/// longer than Table Storage takes.
[[nodiscard]] AZKV_DECL std::string filter_key(std::string_view key);

/// The name that a member is stored under, to compare it: `azkv::filter_name("my-name",
/// azkv::service_mode::storage) + " eq 1"`. Names that are identifiers are stored as they are. (Long members,
/// stored in parts, cannot be compared.) Throws `azkv::error` if the name is empty, too long or not UTF-8.
[[nodiscard]] AZKV_DECL std::string filter_name(std::string_view member, service_mode mode);

} // namespace azkv
