#include "identity/tokens/token_provider.hpp"

#include "identity/tokens/challenge.hpp"

namespace azkv::identity {

token_request token_provider::request() const {
    const std::lock_guard lock(mutex_);
    return request_;
}

bool token_provider::must_discover() const {
    if (!discover_) return false;
    const std::lock_guard lock(mutex_);
    return request_.tenant().empty();
}

std::optional<token_request> token_provider::request_for_challenge(const protocol::response& r) const {
    const auto challenge = parse_bearer_challenge(r.challenge);
    if (!challenge) return std::nullopt;
    token_request next = request();
    if (challenge->error == "insufficient_claims" && !challenge->claims.empty()) {
        next.claims(challenge->claims);
        return next;
    }
    // The scope is never taken from a challenge: a hostile service would ask for a token for another service.
    const bool names_another = !challenge->tenant.empty() && challenge->tenant != next.tenant();
    if (!discover_ || !names_another || challenge->authority.empty()) return std::nullopt;
    next.tenant(challenge->tenant).authority(challenge->authority);
    return next;
}

void token_provider::remember(const token_request& r) {
    const std::lock_guard lock(mutex_);
    request_.tenant(r.tenant()).authority(r.authority());
}

} // namespace azkv::identity
