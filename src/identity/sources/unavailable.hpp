// A credential that is not set up here.
#pragma once

#include <azkv/error.hpp>
#include <azkv/token_credential.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <string>
#include <utility>

namespace azkv::identity {

/// Fails with errc::credential_unavailable and the reason, so that a chain goes on to its next.
class unavailable_credential final : public token_credential {
public:
    explicit unavailable_credential(std::string why) : why_(std::move(why)) {}

    asio::awaitable<access_token> token(token_request) override {
        const std::string why = why_;
        co_await asio::this_coro::executor; // makes this a coroutine, which throws when it is awaited
        throw error(errc::credential_unavailable, why);
    }

private:
    std::string why_;
};

} // namespace azkv::identity
