#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/token_credential.hpp>

#include <memory>
#include <string>

namespace azkv::identity {

/// By the token of another issuer, which is in a file that is read each time. Throws `azkv::error`: with
/// errc::invalid_argument if `file` is empty, and from the proof errc::authentication_failed if the file
/// cannot be read, or has no token.
client_proof prove_by_token_file(std::string file);

std::shared_ptr<token_credential> make_workload_identity_credential(credential_environment env,
                                                                    entra_settings settings,
                                                                    std::string tenant, std::string client_id,
                                                                    std::string token_file);

/// As the variables say; unavailable if they do not.
std::shared_ptr<token_credential> make_workload_identity_credential(credential_environment env,
                                                                    entra_settings settings);

} // namespace azkv::identity
