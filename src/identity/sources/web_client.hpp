// HTTP requests to authorities and metadata services, with retries.
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

/// A request to an authority or a metadata service.
class web_request {
public:
    web_request(std::string_view method, std::string url) : method(method), url(std::move(url)) {}

    std::string_view method; // a literal
    std::string url;         // with its query, percent-encoded
    std::string thumbprint;  // of the server's certificate; empty: verified by its authority
    std::vector<std::pair<std::string_view, secret>> headers;
    secret form; // the body (application/x-www-form-urlencoded); empty: none
};

/// Appends `name=text`, percent-encoded, to a query or a form.
void append_parameter(std::string& to, std::string_view name, std::string_view text);

/// Sends requests over a transport of the library, each with retries, all within one deadline.
class web_client {
public:
    /// Uses the executor of the awaiting coroutine.
    static asio::awaitable<web_client> make(const credential_environment& env,
                                            const credential_environment::transport_maker& transport,
                                            std::chrono::milliseconds timeout);

    /// Returns the final response, whatever its status. Throws `azkv::error` with the error code of the
    /// network if there is none, or errc::invalid_argument for an invalid URL.
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
