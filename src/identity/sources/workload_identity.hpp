// Workload identity: a credential that exchanges the token of another issuer, such as Kubernetes.
#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/token_credential.hpp>

#include <memory>
#include <string>

namespace azkv::identity {

/// Proves the identity by the token of another issuer, read from `file` each time. Throws `azkv::error`
/// (errc::invalid_argument) if `file` is empty. The proof throws errc::authentication_failed if it cannot
/// read the file, or the file has no token.
client_proof prove_by_token_file(std::string file);

std::shared_ptr<token_credential> make_workload_identity_credential(credential_environment env,
                                                                    entra_settings settings,
                                                                    std::string tenant, std::string client_id,
                                                                    std::string token_file);

/// Takes the parameters from the variables; creates an unavailable credential if they are not set.
std::shared_ptr<token_credential> make_workload_identity_credential(credential_environment env,
                                                                    entra_settings settings);

} // namespace azkv::identity
