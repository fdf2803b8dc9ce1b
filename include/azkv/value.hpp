#pragma once

#include <azkv/config.hpp>

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace azkv {

/// What a key holds: a JSON object. Each member is stored as a property of its own, so that it can be
/// filtered on and selected.
using value = boost::json::object;

/// The value that a JSON text holds. Unlike Boost.JSON's own parser (as of 1.81) it reads every double
/// exactly, and arrays and objects down to 502 levels. Throws `azkv::error` (errc::invalid_argument) if the
/// text is no JSON object, or has a number that neither a 64-bit integer nor a finite double can hold.
AZKV_DECL value parse_value(std::string_view json);

/// The JSON text of a value, on one line, that `parse_value` reads back as it was. Doubles are written as
/// JavaScript would (`0.5`, `5.0`) where Boost.JSON writes `5E-1` and `5E0`; NaN and the infinities, which
/// JSON lacks, as the strings "NaN", "Infinity" and "-Infinity".
AZKV_DECL std::string serialize_value(const value& v);

/// Which of the two services is spoken to. They share the protocol and differ in limits and details.
enum class service_mode {
    storage, ///< Azure Table Storage, and Azurite
    cosmos,  ///< Azure Cosmos DB for Table
};

/// How collections become table names, which are 3 to 63 ASCII letters and digits that begin with a letter.
/// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
enum class table_naming {
    /// By LlamaIndex's rule: other characters are dropped, `A` is put before a leading digit, short names are
    /// filled with `A`, long ones are cut. `my-docs` and `mydocs` are one table.
    sanitized,
    /// A name that the rule would change is refused (errc::invalid_argument): two collections never share a
    /// table by accident, but for upper and lower case, which the service does not tell apart.
    strict,
};

/// The collection that operations use when none is named.
inline constexpr char default_collection[] = "data";

/// The partition key of a store whose options name none.
inline constexpr char default_partition[] = "default";

} // namespace azkv
