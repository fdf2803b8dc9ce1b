// The properties of the service: what may be set, and the form in which the service returns it.
#pragma once

#include "emulator/cors.hpp"
#include "emulator/xml.hpp"

#include <string>

namespace azkv::emulation {

/// Returns the properties that the emulator begins with, as XML.
std::string default_properties();

/// Returns the properties as XML in the service's own form. Sections that `sent` does not have remain those
/// of `kept`, which is such XML. Throws `failure` (400 InvalidXmlDocument).
/// (https://learn.microsoft.com/rest/api/storageservices/set-table-service-properties)
std::string merge_properties(const std::string& kept, const std::string& sent);

/// Returns what an emulator of an earlier version has stored, which checked nothing, in the same form: the
/// default for each section that is not valid.
std::string repair_properties(const std::string& kept);

/// Returns the rules in the properties.
cors_rules read_cors_rules(const std::string& properties);

} // namespace azkv::emulation
