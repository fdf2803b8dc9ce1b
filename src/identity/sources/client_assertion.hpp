// Client assertions: signed statements by which an application proves its identity. No I/O but the key file.
#pragma once

#include "identity/sources/client_certificate.hpp"
#include "identity/sources/entra.hpp"

#include <azkv/secret.hpp>

#include <string>
#include <string_view>

namespace azkv::identity {

/// Returns a signed statement of the application's identity (RFC 7523), valid for ten minutes. `id` must be
/// unique.
secret make_client_assertion(const client_certificate& certificate, const proof_purpose& purpose,
                             bool with_chain, std::string_view id);

/// Appends the parameters that carry an assertion.
void append_client_assertion(std::string& form, std::string_view assertion);

/// Proves the identity by a certificate; `with_chain` also sends the certificates that lead to its root.
/// Throws `azkv::error` (errc::invalid_argument), which names the file and the reason.
client_proof prove_by_certificate(std::string file, secret passphrase, bool with_chain);

} // namespace azkv::identity
