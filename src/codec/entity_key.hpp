// How an entity is addressed.
#pragma once

#include <string_view>

namespace azkv::codec {

/// The keys of an entity as they are stored: escaped, not quoted. It refers to them.
class entity_key {
public:
    entity_key(std::string_view partition, std::string_view row) : partition(partition), row(row) {}

    std::string_view partition;
    std::string_view row;
};

} // namespace azkv::codec
