#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/token_credential.hpp>

#include <memory>
#include <string>

namespace azkv::identity {

// Tools that somebody is logged in with. Each is looked for, and run, anew for each token; the tokens that it
// keeps, and where, is its own affair. Which authority it asks is, too: `settings` says which tenants it may
// be asked for, beside `tenant`; if that is empty, any. Throws `azkv::error` (errc::invalid_argument) for a
// tenant or a subscription that is none.
//
// A tool that is not installed, or that nobody is logged in with, is errc::credential_unavailable. One that
// takes too long is errc::timed_out, which ends a chain: it is there, and to go on could be to become
// somebody else, for good, because the machine was busy.

/// `az login`. With a subscription, that one's tenant is asked: the tool takes one or the other. It is an
/// error (errc::authentication_failed) if the tenant was to be another one.
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
