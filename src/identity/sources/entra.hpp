// Entra ID and AD FS: tokens for applications (OAuth 2.0 client credentials).
#pragma once

#include "identity/sources/credential_environment.hpp"

#include <azkv/secret.hpp>
#include <azkv/token_credential.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::identity {

/// The authority that issues the tokens, and the tenants that are allowed.
class entra_settings {
public:
    entra_settings() {}

    std::string authority_host = "https://login.microsoftonline.com"; // without a path
    std::vector<std::string> allowed_tenants;                         // besides its own; `*` is any
    bool own_tenant_only = false;                                     // ignores the tenant of a request
    bool send_certificate_chain = false;                              // with a client certificate
};

/// The request that an application proves its identity for.
class proof_purpose {
public:
    proof_purpose() {}

    std::string_view client_id;
    std::string_view token_url; // the receiver of the proof
    bool adfs = false;          // true: the receiver is an AD FS
    std::chrono::system_clock::time_point now;
};

/// Appends the parameters that prove the identity of an application to a form.
using client_proof = std::function<void(std::string& form, const proof_purpose& purpose)>;

/// Returns the URL of an authority without a trailing slash. Throws `azkv::error` (errc::invalid_argument),
/// which begins with `name`, that of the option or the variable.
std::string authority_url(std::string_view text, const std::string& name);

/// Returns the tenant whose token is requested. Throws `azkv::error` (errc::authentication_failed) if it is
/// not allowed.
std::string choose_tenant(const std::string& own, const token_request& r, const entra_settings& s);

/// Returns `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`, or for the tenant `adfs` the URL of
/// AD FS.
std::string token_url(const std::string& authority_host, const std::string& tenant);

/// Returns true for the tenant `adfs`: the AD FS of an organization, which uses an older form of the
/// protocol.
bool is_adfs(std::string_view tenant);

/// Creates the credential of an application. Throws `azkv::error` (errc::invalid_argument) for an invalid
/// tenant, client id or authority.
std::shared_ptr<token_credential> make_entra_credential(credential_environment env, entra_settings settings,
                                                        std::string tenant, std::string client_id,
                                                        client_proof proof);

/// Proves the identity by a shared secret.
client_proof prove_by_secret(secret client_secret);

} // namespace azkv::identity
