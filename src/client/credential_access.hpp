// Access to the parts of a public credential.
#pragma once

#include <azkv/credential.hpp>

#include <memory>

namespace azkv::detail {

/// One of the two is null.
class credential_access {
public:
    static const std::shared_ptr<const identity::request_signer>& signer(const credential& c) {
        return c.signer_;
    }

    static const std::shared_ptr<identity::token_cache>& tokens(const credential& c) { return c.tokens_; }
};

} // namespace azkv::detail
