// The service that a store uses, and the state that its copies share.
#pragma once

#include "async/operation_tracker.hpp"
#include "client/call_settings.hpp"
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

namespace azkv::identity {
class token_provider;
}

namespace azkv::client {

class key_lines;
class pacing;

/// The service that a store uses: its checked endpoint, credentials and options, and the state that all
/// stores created from it share.
class service_context {
public:
    /// `secondary` is the URL of the secondary endpoint; if empty, it is derived from `endpoint`. Throws
    /// `azkv::error`, also if the credential would be sent over plain HTTP and the options do not allow that.
    service_context(std::string_view endpoint, const credential& credential, store_options options,
                    std::string_view secondary = {});

    // One for each factory function of the stores.
    static std::shared_ptr<const service_context> from_connection_string(std::string_view text,
                                                                         store_options options);
    static std::shared_ptr<const service_context> from_account_and_key(std::string name, secret key,
                                                                       store_options options);
    static std::shared_ptr<const service_context> from_sas_token(std::string_view endpoint, secret sas,
                                                                 store_options options);
    static std::shared_ptr<const service_context> from_account_and_id(const std::string& name,
                                                                      store_options options);
    static std::shared_ptr<const service_context> from_aad_token(std::string_view endpoint,
                                                                 store_options options);

    /// Returns the same service for a forked child. Reads nothing that another thread of the parent may have
    /// been changing at the fork.
    std::shared_ptr<const service_context> for_child() const;

    /// Returns the settings of calls without a view.
    call_settings settings() const { return call_settings(options, partition); }

    store_options options;
    protocol::endpoint endpoint;
    std::optional<protocol::endpoint> secondary; // for reads, if the options allow that
    service_mode mode;
    std::string partition;                                  // as stored
    std::shared_ptr<const identity::request_signer> signer; // null if there are tokens
    std::shared_ptr<identity::token_provider> tokens;       // null if there is a signer
    std::shared_ptr<net::tls_client> tls;                   // null if no endpoint uses TLS

    // Shared by all stores created from this and by their operations. Safe to share between threads.
    std::shared_ptr<protocol::retry_budget> budget;
    std::shared_ptr<pacing> paces;
    std::shared_ptr<key_lines> lines;                  // of updates
    std::shared_ptr<async::operation_tracker> tracker; // of the operations in flight

private:
    service_context(const service_context&) = default;
};

} // namespace azkv::client
