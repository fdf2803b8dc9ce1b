// The default chain of credentials, and `AZURE_TOKEN_CREDENTIALS`, which selects from it.
#pragma once

#include "identity/sources/chain.hpp"
#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <functional>
#include <memory>
#include <string>

namespace azkv::identity {

/// Creates the chain of `azkv::default_credential`. `tenant` and `subscription` are for developer tools.
/// Throws `azkv::error` (errc::invalid_argument) for an unknown value of `AZURE_TOKEN_CREDENTIALS`.
std::shared_ptr<token_credential> make_default_credential(const credential_environment& env,
                                                          const std::function<entra_settings()>& settings,
                                                          const std::string& tenant,
                                                          const std::string& subscription);

} // namespace azkv::identity
