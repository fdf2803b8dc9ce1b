#pragma once

#include "identity/sources/client_certificate.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/secret.hpp>

#include <string>
#include <string_view>

namespace azkv::identity {

/// A signed statement of an application that it is the one (RFC 7523), good for ten minutes. `id` tells it
/// from others.
secret make_client_assertion(const client_certificate& certificate, const proof_purpose& purpose,
                             bool with_chain, std::string_view id);

/// Appends what makes a statement a proof.
void append_client_assertion(std::string& form, std::string_view assertion);

/// By a certificate; `with_chain` sends those that lead to its authority, too. Throws `azkv::error`
/// (errc::invalid_argument) that names the file and what is wrong.
client_proof prove_by_certificate(std::string file, secret passphrase, bool with_chain);

} // namespace azkv::identity
