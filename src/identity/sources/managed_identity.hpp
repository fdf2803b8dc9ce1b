// The credential of a managed identity.
#pragma once

#include "identity/sources/credential_environment.hpp"

#include <azkv/identity.hpp>
#include <azkv/token_credential.hpp>

#include <memory>

namespace azkv::identity {

/// Creates the credential of the machine or service that the program runs on. Reads the variables now and
/// never again, since other threads might change them later. Throws the errors of `find_identity_source`.
///
/// `probe`, for chains: requests a token from a virtual machine's metadata service only after it has
/// responded to a probe within a second; otherwise `token` fails with errc::credential_unavailable. Without a
/// probe that takes all retries.
///
/// Ignores the tenant, the authority and the claims of a request: an identity belongs to one tenant, and its
/// source chooses the authority and keeps tokens by itself.
std::shared_ptr<token_credential> make_managed_identity_credential(credential_environment env,
                                                                   managed_identity_id id, bool probe);

} // namespace azkv::identity
