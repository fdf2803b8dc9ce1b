#pragma once

#include "async/operation_tracker.hpp"
#include "identity/tokens/request_signer.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/retry_budget.hpp"

#include <azkv/credential.hpp>
#include <azkv/options.hpp>
#include <azkv/secret.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::net {
class tls_client;
}

namespace azkv {

class pacing;

namespace identity {
class token_provider;
}

/// All that a store is made from, checked, and what its copies share.
class account {
public:
    /// Throws `azkv::error`, also if the credential would go over plain HTTP and the options do not allow it.
    /// `secondary`: where the second endpoint is, unless its URL follows from the first.
    account(std::string_view endpoint, const credential& credential, store_options options,
            std::string_view secondary = {});

    /// The same account for a forked child: nothing that another thread of the parent may have been about to
    /// change is looked at.
    std::shared_ptr<const account> for_child() const;

    static std::shared_ptr<const account> from_connection_string(std::string_view text,
                                                                 store_options options);
    static std::shared_ptr<const account> from_account_and_key(std::string name, secret key,
                                                               store_options options);

    /// With the default identity, which takes what the options say of TLS and of a proxy.
    static std::shared_ptr<const account> from_identity(std::string_view endpoint, store_options options);

    /// The URL of an account of the public cloud. Throws `azkv::error` for a name that is none.
    static std::string url_of(const std::string& name, const store_options& options);

    store_options options;
    protocol::endpoint endpoint;
    service_mode mode;
    std::string partition;                                  // as stored
    std::shared_ptr<const identity::request_signer> signer; // null with a token provider
    std::shared_ptr<identity::token_provider> tokens;              // null with a signer
    std::shared_ptr<net::tls_client> tls;                   // null where there is none to be spoken
    std::optional<protocol::endpoint> secondary;            // for reads, if the options allow that

    // What all stores made from it, and their operations, share. Safe between threads.
    std::shared_ptr<protocol::retry_budget> budget;
    std::shared_ptr<azkv::pacing> paces;
    std::shared_ptr<async::operation_tracker> tracker; // those inside are operations under way

private:
    account(const account&) = default;
};

} // namespace azkv
