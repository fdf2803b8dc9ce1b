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

/// What a store proves its right with. Cheap to copy; safe to share between threads. It cannot be printed.
class AZKV_DECL credential {
public:
    /// Shared Key. `key` is the base64 text of the portal. Throws `azkv::error` (errc::invalid_argument) if
    /// the account name is empty or the key is not base64.
    static credential shared_key(std::string account, secret key);

    /// A shared access signature, with or without the leading `?` and blanks around it. It is used byte for
    /// byte as given. (`azkv::account_sas` and `azkv::table_sas` make such ones.) Throws `azkv::error`
    /// (errc::invalid_argument) if it has no `sig` or a character that no URL can hold.
    static credential sas(secret token);

    /// Tokens of Entra ID, from a source of <azkv/identity.hpp> or of the program's own. They are kept until
    /// they expire, for all stores that are made with this credential or a copy of it, and renewed some
    /// minutes before, by one of the calls that need one; however many calls need one, it is asked for once.
    /// Throws `azkv::error` (errc::invalid_argument) if `source` is null.
    static credential token(std::shared_ptr<token_credential> source);

private:
    friend class detail::credential_access;

    explicit credential(std::shared_ptr<const identity::request_signer>);
    explicit credential(std::shared_ptr<identity::token_cache>);

    // One of the two.
    std::shared_ptr<const identity::request_signer> signer_;
    std::shared_ptr<identity::token_cache> tokens_;
};

} // namespace azkv
