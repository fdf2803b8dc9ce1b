#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace azkv {

namespace asio = boost::asio;

/// A token of Entra ID (Azure AD), to be sent as `Authorization: Bearer ...`.
class AZKV_DECL access_token {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// None. (`asio::co_spawn` has need of it.)
    access_token() {}

    /// Throws `azkv::error` (errc::invalid_argument) if `token` is empty or has a character that no header
    /// can hold.
    access_token(secret token, time_point expires_on);

    const secret& token() const noexcept { return token_; }

    time_point expires_on() const noexcept { return expires_on_; }

    /// When a new one should be asked for, although this one still holds. Default: some minutes before it
    /// expires.
    access_token& refresh_on(time_point);

    std::optional<time_point> refresh_on() const noexcept { return refresh_on_; }

private:
    secret token_;
    time_point expires_on_;
    std::optional<time_point> refresh_on_;
};

/// What a token is asked for. Setters throw `azkv::error` (errc::invalid_argument) that names what is wrong.
class AZKV_DECL token_request {
public:
    /// `https://storage.azure.com/.default`: the resource, and `/.default`.
    explicit token_request(std::string scope);

    const std::string& scope() const noexcept { return scope_; }

    /// The scope without `/.default`.
    std::string resource() const;

    /// The tenant to ask, by identifier or name. Default (empty): the credential's own.
    token_request& tenant(std::string);

    const std::string& tenant() const noexcept { return tenant_; }

    /// The authority (`https://login.microsoftonline.com`) that the service named together with the tenant. A
    /// credential that asks an authority must refuse if that is another. Default (empty): none was named.
    token_request& authority(std::string url);

    const std::string& authority() const noexcept { return authority_; }

    /// What the service wants the token to show (JSON), after it refused one that did not. Default: empty.
    token_request& claims(std::string);

    const std::string& claims() const noexcept { return claims_; }

private:
    std::string scope_;
    std::string tenant_;
    std::string authority_;
    std::string claims_;
};

/// A source of tokens. <azkv/identity.hpp> makes those of Azure; a program may have its own.
///
/// `credential::token` makes of it what a store takes, and keeps tokens until they expire: a source need not.
class AZKV_DECL token_credential {
public:
    virtual ~token_credential();

    /// Asks for a token, each time anew.
    ///
    /// Errors: `azkv::error` with errc::credential_unavailable if the source is not set up here, which sends
    /// a chain on to its next; any other (errc::authentication_failed, say) if it should have worked, which
    /// ends a chain.
    ///
    /// Cancellation: terminal. Thread safety: must be safe to call from any thread, several times at once.
    /// Lifetimes: the caller keeps the credential until the call is done.
    virtual asio::awaitable<access_token> token(token_request request) = 0;
};

} // namespace azkv
