#pragma once

#include <azkv/config.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace azkv {

class account;

namespace identity {
class authorizer;
}

/// What a store proves its right with. Cheap to copy; safe to share between threads. It cannot be printed.
class AZKV_DECL credential {
public:
    /// Shared Key. `key` is the base64 text of the portal. Throws `azkv::error` (errc::invalid_argument) if
    /// the account name is empty or the key is not base64.
    static credential shared_key(std::string account, std::string_view key);

    /// A shared access signature, with or without the leading `?` and blanks around it. It is used byte for
    /// byte as given. (`azkv::account_sas` and `azkv::table_sas` make such ones.) Throws `azkv::error`
    /// (errc::invalid_argument) if it has no `sig` or a character that no URL can hold.
    static credential sas(std::string token);

private:
    friend class account;

    explicit credential(std::shared_ptr<const identity::authorizer>);

    std::shared_ptr<const identity::authorizer> authorizer_;
};

} // namespace azkv
