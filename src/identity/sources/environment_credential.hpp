#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/token_credential.hpp>

#include <memory>

namespace azkv::identity {

/// What the variables say of authorities and tenants, or else the defaults. Throws `azkv::error`
/// (errc::invalid_argument) that names the variable.
entra_settings settings_from_environment(const credential_environment& env);

/// An application, by a secret or else by a certificate, as the variables say; unavailable if they do not.
/// Throws `azkv::error` (errc::invalid_argument) if what they say is of no use.
std::shared_ptr<token_credential> make_environment_credential(credential_environment env,
                                                              entra_settings settings);

} // namespace azkv::identity
