#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace azkv {

namespace detail {
class credential_access;
}

class token_credential;

namespace identity {
class request_signer;
class token_cache;
} // namespace identity

/// Authenticates a store's requests. Cheap to copy, safe to share between threads, and not printable.
class AZKV_DECL credential {
public:
    /// Creates a Shared Key credential. `key` is the base64 text shown in the Azure portal.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if the account name is empty or the key is not base64.
    static credential shared_key(std::string account, secret key);

    /// Creates a credential from a shared access signature, with or without the leading `?` and surrounding
    /// blanks. The signature itself is sent byte for byte as given. (See `azkv::account_sas` and
    /// `azkv::table_sas`.)
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if it has no `sig`, or a character that a URL cannot
    /// contain.
    static credential sas(secret token);

    /// Creates a credential that uses Microsoft Entra ID tokens from `source`: a token credential from
    /// <azkv/identity.hpp>, or the program's own. All stores created with this credential or a copy of it
    /// share its tokens. A token is cached until it expires, and renewed some minutes earlier by one of the
    /// calls that need it. However many calls need a token, it is requested once.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if `source` is null.
    static credential token(std::shared_ptr<token_credential> source);

private:
    friend class detail::credential_access;

    explicit credential(std::shared_ptr<const identity::request_signer>);
    explicit credential(std::shared_ptr<identity::token_cache>);

    // Exactly one is set.
    std::shared_ptr<const identity::request_signer> signer_;
    std::shared_ptr<identity::token_cache> tokens_;
};

} // namespace azkv
