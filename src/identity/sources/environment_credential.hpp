// The credential of an application that the variables AZURE_... describe.
#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/token_credential.hpp>

#include <memory>

namespace azkv::identity {

/// Reads the authority and the allowed tenants from the variables, or uses the defaults. Throws `azkv::error`
/// (errc::invalid_argument), which names the variable.
entra_settings settings_from_environment(const credential_environment& env);

/// Creates the credential of an application by a secret, or else by a certificate; an unavailable one if the
/// variables are not set. Throws `azkv::error` (errc::invalid_argument) if they are not valid.
std::shared_ptr<token_credential> make_environment_credential(credential_environment env,
                                                              entra_settings settings);

} // namespace azkv::identity
