#include "identity/sas.hpp"
#include "identity/shared_key.hpp"

#include <azkv/credential.hpp>

#include <utility>

namespace azkv {

credential::credential(std::shared_ptr<const identity::authorizer> a) : authorizer_(std::move(a)) {}

credential credential::shared_key(std::string account, std::string_view key) {
    return credential(std::make_shared<identity::shared_key>(std::move(account), key));
}

credential credential::sas(std::string token) {
    return credential(std::make_shared<identity::shared_access_signature>(std::move(token)));
}

} // namespace azkv
