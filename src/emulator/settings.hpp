// Access policies, service properties and statistics, in XML.
#pragma once

#include "emulator/context.hpp"
#include "emulator/cors.hpp"

namespace azkv::emulation {

// All functions throw `failure`.

/// The stored access policies of a table.
reply get_policies(const context&, const target&);
reply set_policies(const context&, const request&, const target&);
std::optional<access_policy> find_policy(storage&, std::string_view table, std::string_view id);

/// The properties of the service, and the state of its secondary.
reply get_properties(const context&);
reply set_properties(const context&, const request&);
cors_rules find_cors_rules(storage&);
reply get_stats(const context&, const target&);

} // namespace azkv::emulation
