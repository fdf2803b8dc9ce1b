#include "identity/tokens/sas.hpp"
#include "identity/tokens/shared_key.hpp"
#include "identity/tokens/token_cache.hpp"
#include "support/process.hpp"

#include <azkv/credential.hpp>
#include <azkv/error.hpp>

#include <utility>

namespace azkv {

credential::credential(std::shared_ptr<const identity::request_signer> a) : signer_(std::move(a)) {}

credential::credential(std::shared_ptr<identity::token_cache> t) : tokens_(std::move(t)) {}

credential credential::shared_key(std::string account, secret key) {
    const support::fork_pause pause; // OpenSSL is in use
    return credential(std::make_shared<identity::shared_key>(std::move(account), key.reveal()));
}

credential credential::sas(secret token) {
    return credential(std::make_shared<identity::shared_access_signature>(token.reveal()));
}

credential credential::token(std::shared_ptr<token_credential> source) {
    if (!source) throw error(errc::invalid_argument, "invalid token credential: it is null");
    return credential(std::make_shared<identity::token_cache>(std::move(source)));
}

} // namespace azkv
