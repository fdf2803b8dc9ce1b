#pragma once

#include <azkv/config.hpp>

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace azkv {

/// The value of a key: a JSON object. Each member is stored as a separate property, so that queries can
/// filter on it and select it.
using value = boost::json::object;

/// Parses a JSON object. Unlike Boost.JSON's own parser (as of 1.81) it reads every double exactly, and
/// arrays and objects nested up to 502 levels.
///
/// Throws: `azkv::error` (errc::invalid_argument) if the text is not a JSON object, or has a number that
/// neither a 64-bit integer nor a finite double can represent.
AZKV_DECL value parse_value(std::string_view json);

/// Returns a value as JSON text on one line, which `parse_value` reads back unchanged, except for NaN and
/// infinities: JSON cannot represent them, and they become the strings "NaN", "Infinity" and "-Infinity".
/// Doubles are written as in JavaScript (`0.5`, `5.0`) where Boost.JSON writes `5E-1` and `5E0`.
AZKV_DECL std::string serialize_value(const value& v);

/// The service that a store uses. The two share a protocol, and differ in limits and details.
enum class service_mode {
    storage, ///< Azure Table Storage, and Azurite
    cosmos,  ///< Azure Cosmos DB for Table
};

/// How collections become table names, which have 3 to 63 ASCII letters and digits and begin with a letter.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
enum class table_naming {
    /// Follows LlamaIndex's rule: drops other characters, puts `A` before a leading digit, pads short names
    /// with `A`, and truncates long ones. `my-docs` and `mydocs` become the same table.
    sanitized,
    /// Refuses a name that the rule would change (errc::invalid_argument). Two collections never share a
    /// table by accident, except if their names differ only by case, which the service ignores.
    strict,
};

/// The collection that operations use by default.
inline constexpr char default_collection[] = "data";

/// The partition that a store uses by default.
inline constexpr char default_partition[] = "default";

} // namespace azkv
