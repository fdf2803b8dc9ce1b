#pragma once

#include <boost/json/object.hpp>

namespace azkv {

/// What a key holds: a JSON object. Each member is stored as a property of its own, so that it can be
/// filtered on and selected.
using value = boost::json::object;

/// Which of the two services is spoken to. They share the protocol and differ in limits and details.
enum class service_mode {
    storage, ///< Azure Table Storage, and Azurite
    cosmos,  ///< Azure Cosmos DB for Table
};

/// The collection that operations use when none is named.
inline constexpr char default_collection[] = "data";

/// The partition key of a store whose options name none.
inline constexpr char default_partition[] = "default";

} // namespace azkv
