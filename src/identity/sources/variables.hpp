#pragma once

#include "identity/sources/surroundings.hpp"

#include <azkv/secret.hpp>

#include <initializer_list>
#include <string>

namespace azkv::identity {

/// The text of a variable; empty if it is not set.
std::string variable(const surroundings& around, const char* name);

/// Likewise, of a variable that holds a secret.
secret secret_variable(const surroundings& around, const char* name);

/// Whether a variable says `1` or `true`.
bool is_switched_on(const surroundings& around, const char* name);

/// Those of the variables that are not set: `AZURE_TENANT_ID, AZURE_CLIENT_ID`.
std::string missing_variables(const surroundings& around, std::initializer_list<const char*> names);

} // namespace azkv::identity
