#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace azkv {

namespace asio = boost::asio;

/// A token of Microsoft Entra ID (formerly Azure AD), sent as `Authorization: Bearer ...`.
class AZKV_DECL access_token {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Creates an empty token. `asio::co_spawn` requires a default constructor.
    access_token() {}

    /// Creates a token that expires at `expires_on`.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if `token` is empty or contains a character that a
    /// header cannot contain.
    access_token(secret token, time_point expires_on);

    const secret& token() const noexcept { return token_; }

    time_point expires_on() const noexcept { return expires_on_; }

    /// Sets when to request a new token although this one is still valid. Default: some minutes before it
    /// expires.
    access_token& refresh_on(time_point);

    std::optional<time_point> refresh_on() const noexcept { return refresh_on_; }

private:
    secret token_;
    time_point expires_on_;
    std::optional<time_point> refresh_on_;
};

/// The parameters of a token request. Invalid ones throw `azkv::error` (errc::invalid_argument) that names
/// the parameter.
class AZKV_DECL token_request {
public:
    /// Creates a request for a scope, which is the resource followed by `/.default`:
    /// `https://storage.azure.com/.default`.
    explicit token_request(std::string scope);

    const std::string& scope() const noexcept { return scope_; }

    /// Returns the scope without `/.default`.
    std::string resource() const;

    /// Sets the tenant, by identifier or name. Default (empty): the credential's own.
    token_request& tenant(std::string);

    const std::string& tenant() const noexcept { return tenant_; }

    /// Sets the authority that the service named together with the tenant, such as
    /// `https://login.microsoftonline.com`. A credential that uses a different authority must refuse the
    /// request. Default (empty): the service named none.
    token_request& authority(std::string url);

    const std::string& authority() const noexcept { return authority_; }

    /// Sets the claims (JSON) that the service demanded of the token when it refused one without them.
    /// Default: empty.
    token_request& claims(std::string);

    const std::string& claims() const noexcept { return claims_; }

private:
    std::string scope_;
    std::string tenant_;
    std::string authority_;
    std::string claims_;
};

/// The interface of a token source. <azkv/identity.hpp> has those of Azure; a program may implement its own.
///
/// `credential::token` turns it into a store's credential, and caches tokens until they expire: an
/// implementation need not cache them.
class AZKV_DECL token_credential {
public:
    virtual ~token_credential();

    /// Requests a new token.
    ///
    /// - Throws: `azkv::error` with errc::credential_unavailable if the source is not set up here; a chain
    ///   continues with its next credential. Any other error, such as errc::authentication_failed, if the
    ///   source is set up but failed; this ends a chain.
    /// - Cancellation: terminal.
    /// - Thread safety: must be safe to call from any thread, several times at once.
    /// - Lifetime: the caller keeps the credential alive until the call has completed.
    virtual asio::awaitable<access_token> token(token_request request) = 0;
};

} // namespace azkv
