// Developer tools (az, azd, Azure PowerShell) as credentials: the user signed in there.
#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/token_credential.hpp>

#include <memory>
#include <string>

namespace azkv::identity {

// Each credential looks for its tool, and runs it, anew for each token. The tool chooses the authority, and
// keeps tokens by itself. `settings` holds the tenants that are allowed besides `tenant`; if `tenant` is
// empty, any is. The functions throw `azkv::error` (errc::invalid_argument) for an invalid tenant or
// subscription.
//
// A tool that is not installed, or has no user signed in, fails with errc::credential_unavailable. One that
// takes too long fails with errc::timed_out, which ends a chain: a busy machine must not make the program act
// as another identity, which the chain would then keep to.

/// `az login`. With a subscription, the token is for the subscription's tenant, since the tool accepts only
/// one of the two; if that is not the tenant that was requested, `token` fails (errc::authentication_failed).
std::shared_ptr<token_credential> make_azure_cli_credential(credential_environment env,
                                                            entra_settings settings, std::string tenant,
                                                            std::string subscription);

/// `azd auth login`.
std::shared_ptr<token_credential>
make_azure_developer_cli_credential(credential_environment env, entra_settings settings, std::string tenant);

/// `Connect-AzAccount`. PowerShell 7 (`pwsh`) with Az.Accounts 2.2.0 or later.
std::shared_ptr<token_credential>
make_azure_powershell_credential(credential_environment env, entra_settings settings, std::string tenant);

} // namespace azkv::identity
