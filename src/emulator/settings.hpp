// Access policies, service properties and statistics, in XML.
#pragma once

#include "emulator/context.hpp"
#include "emulator/cors.hpp"

namespace azkv::emulation {

/// Brings what emulators of earlier versions have stored, which checked little, into the form that the
/// functions below expect. What is not valid is left out, so that nobody gets access by it.
void repair_settings(storage&);

// The other functions throw `failure`.

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
