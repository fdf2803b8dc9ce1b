#pragma once

#include "identity/sources/credential_environment.hpp"

#include <azkv/identity.hpp>
#include <azkv/token_credential.hpp>

#include <memory>

namespace azkv::identity {

/// The identity of the machine that the program runs on. The variables are read now, and not again: later,
/// other threads might change them. Throws `azkv::error` (errc::invalid_argument) for what
/// `find_identity_source` refuses.
///
/// `probe`: a virtual machine's service is asked only if it answers within a second (in a chain); otherwise
/// asking for a token is errc::credential_unavailable. Without it that takes all retries.
///
/// A request's tenant, authority and claims are of no concern: an identity belongs to one tenant, its source
/// asks the authority, and keeps tokens by itself.
std::shared_ptr<token_credential> make_managed_identity_credential(credential_environment env,
                                                                   managed_identity_id id, bool probe);

} // namespace azkv::identity
