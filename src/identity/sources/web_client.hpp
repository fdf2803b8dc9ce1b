#pragma once

#include "identity/sources/credential_environment.hpp"
#include "protocol/call_state.hpp"
#include "protocol/message.hpp"

#include <azkv/secret.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::identity {

/// A request to whoever gives tokens.
class web_request {
public:
    web_request(std::string_view method, std::string url) : method(method), url(std::move(url)) {}

    std::string_view method; // a literal
    std::string url;         // with its query, percent-encoded
    std::string thumbprint;  // of the server's certificate, if that is what proves who it is
    std::vector<std::pair<std::string_view, secret>> headers;
    secret form; // the body, if there is one: application/x-www-form-urlencoded
};

/// Appends `name=text`, percent-encoded, to a query or a form.
void append_parameter(std::string& to, std::string_view name, std::string_view text);

/// Sends requests over a transport of the library, each with its retries, all of them by one deadline.
class web_client {
public:
    /// Over the awaiting coroutine's executor.
    static asio::awaitable<web_client> make(const credential_environment& env,
                                            const credential_environment::transport_maker& transport,
                                            std::chrono::milliseconds timeout);

    /// The answer, whatever its status, when no further attempt is worth it. Throws `azkv::error` with the
    /// network's own code when there is none, or errc::invalid_argument if the URL is none.
    asio::awaitable<protocol::response> send(const web_request& r, const protocol::retry_policy& policy);

private:
    web_client(const credential_environment& env, std::shared_ptr<net::transport> transport,
               std::chrono::steady_clock::time_point deadline)
        : env_(&env), transport_(std::move(transport)), deadline_(deadline) {}

    const credential_environment* env_;
    std::shared_ptr<net::transport> transport_;
    std::chrono::steady_clock::time_point deadline_;
};

} // namespace azkv::identity
