#pragma once

#include "identity/authorizer.hpp"
#include "protocol/endpoint.hpp"

#include <azkv/credential.hpp>
#include <azkv/options.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace boost::asio::ssl {
class context;
}

namespace azkv {

/// All that a store is made from, checked. Never changes.
class account {
public:
    /// Throws `azkv::error`, also if the credential would go over plain HTTP and the options do not allow it.
    account(std::string_view endpoint, const credential& credential, store_options options);

    static std::shared_ptr<const account> from_connection_string(std::string_view text,
                                                                 store_options options);
    static std::shared_ptr<const account> from_account_and_key(std::string name, std::string_view key,
                                                               store_options options);

    store_options options;
    protocol::endpoint endpoint;
    service_mode mode;
    std::string partition; // as stored
    std::shared_ptr<const identity::authorizer> authorizer;
    std::shared_ptr<boost::asio::ssl::context> tls; // null where there is none to be spoken
};

} // namespace azkv
