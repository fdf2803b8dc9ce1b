#include "emulator/entity.hpp"

#include <algorithm>

namespace azkv::emulation {

const edm_value* entity::find(std::string_view name) const {
    if (name == "PartitionKey") return &partition_key;
    if (name == "RowKey") return &row_key;
    if (name == "Timestamp") return &timestamp;
    const auto found = std::ranges::find(properties, name, &property::name);
    return found == properties.end() ? nullptr : &found->value;
}

} // namespace azkv::emulation
