// Tokens: which one a request to the service needs, and which one after a 401. No I/O.
#pragma once

#include "identity/tokens/token_cache.hpp"
#include "protocol/message.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace azkv::identity {

/// Provides the tokens of the requests to one account. Safe to share between threads.
class token_provider {
public:
    /// `discover`: the tenant is that of the service's challenge to a request without a token.
    token_provider(std::shared_ptr<token_cache> tokens, std::string scope, bool discover)
        : tokens_(std::move(tokens)), scope_(std::move(scope)), request_(scope_), discover_(discover) {}

    /// Creates a provider without tokens. The two share nothing that changes, except the credential.
    std::shared_ptr<token_provider> copy() const {
        return std::make_shared<token_provider>(tokens_->copy(), scope_, discover_);
    }

    /// Returns the request for a token, as far as the service has not asked for something else.
    token_request request() const;

    /// Returns true if the tenant is still unknown: send the next request without a token.
    bool must_discover() const;

    /// Returns the token if it can be used without a new request; otherwise an empty one.
    secret try_get_cached() const { return tokens_->try_get_cached(request()); }

    /// Returns the request for a token that meets the challenge of a 401; nullopt if another token would not
    /// be accepted either.
    std::optional<token_request> request_for_challenge(const protocol::response& r) const;

    /// Keeps the tenant and the authority of a request whose token the service accepted.
    void remember(const token_request& r);

    /// Drops a token that the service rejected without a usable challenge.
    void invalidate(const secret& rejected) { tokens_->invalidate(request(), rejected); }

    /// Returns a token other than `rejected`.
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
