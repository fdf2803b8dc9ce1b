#pragma once

#include "identity/tokens/token_cache.hpp"
#include "protocol/message.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace azkv::identity {

/// How the requests of one account get their tokens, and what is done when the service does not take one.
/// Safe to share between threads.
class token_provider {
public:
    /// `discover`: the service is asked for its tenant, by a request without a token.
    token_provider(std::shared_ptr<token_cache> tokens, std::string scope, bool discover)
        : tokens_(std::move(tokens)), scope_(std::move(scope)), request_(scope_), discover_(discover) {}

    /// One that has no token yet, and shares nothing that changes with this but the source.
    std::shared_ptr<token_provider> copy() const {
        return std::make_shared<token_provider>(tokens_->copy(), scope_, discover_);
    }

    /// What to ask for, unless the service wants something else.
    token_request request() const;

    /// Whether the tenant must be found out first: the next request goes without a token.
    bool must_discover() const;

    /// The token, if nothing need be waited for; else empty.
    secret at_hand() const { return tokens_->at_hand(request()); }

    /// What to ask for after a 401: nullopt if no other token would be taken either.
    std::optional<token_request> answer_to(const protocol::response& r) const;

    /// The service took the token that was asked for like this.
    void remember(const token_request& r);

    /// The service refused this token, for a reason that it keeps to itself.
    void distrust(const secret& rejected) { tokens_->distrust(request(), rejected); }

    /// A token other than `rejected`.
    asio::awaitable<secret> token(token_request request, secret rejected, token_caller caller) const {
        return tokens_->token(std::move(request), std::move(rejected), std::move(caller));
    }

private:
    const std::shared_ptr<token_cache> tokens_;
    const std::string scope_;
    mutable std::mutex mutex_; // guards `request_`
    token_request request_;
    const bool discover_;
};

} // namespace azkv::identity
