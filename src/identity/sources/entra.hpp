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

/// Whom an application asks for tokens, and for which tenants.
class entra_settings {
public:
    entra_settings() {}

    std::string authority_host = "https://login.microsoftonline.com"; // without a path
    std::vector<std::string> allowed_tenants;                         // beside its own; `*` is any
    bool own_tenant_only = false;                                     // whatever is asked for
    bool send_certificate_chain = false;                              // with a client certificate
};

/// What an application proves who it is for.
class proof_purpose {
public:
    proof_purpose() {}

    std::string_view client_id;
    std::string_view token_url; // where the proof goes
    bool adfs = false;          // whether an AD FS reads it
    std::chrono::system_clock::time_point now;
};

/// How an application proves who it is: appends its parameters to the form.
using client_proof = std::function<void(std::string& form, const proof_purpose& purpose)>;

/// The URL of an authority, without a slash at its end. Throws `azkv::error` (errc::invalid_argument) that
/// names the option or the variable that it is of.
std::string authority_url(std::string_view text, const std::string& name);

/// The tenant to ask. Throws `azkv::error` (errc::authentication_failed) if it is not allowed.
std::string choose_tenant(const std::string& own, const token_request& r, const entra_settings& s);

/// `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`, with the tenant `adfs` that of AD FS.
std::string token_url(const std::string& authority_host, const std::string& tenant);

/// The AD FS of an organization, which speaks an older form of the protocol.
bool is_adfs(std::string_view tenant);

/// An application that asks an authority in its own name (OAuth 2.0, client credentials). Throws
/// `azkv::error` (errc::invalid_argument) for a tenant, a client id or an authority that is none.
std::shared_ptr<token_credential> make_entra_credential(credential_environment env, entra_settings settings,
                                                        std::string tenant, std::string client_id,
                                                        client_proof proof);

/// By a secret that both know.
client_proof prove_by_secret(secret client_secret);

} // namespace azkv::identity
