// An entity of the emulator.
#pragma once

#include "emulator/edm.hpp"

#include <azkv/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

class property {
public:
    std::string name;
    edm_value value;

    friend bool operator==(const property&, const property&) = default;
};

class entity {
public:
    entity() : timestamp(edm::date_time, 0) {}

    edm_value partition_key;
    edm_value row_key;
    edm_value timestamp;
    std::vector<property> properties; // without those above

    /// Returns a property, also one of those above; null if there is none of that name.
    const edm_value* find(std::string_view name) const;
};

} // namespace azkv::emulation
