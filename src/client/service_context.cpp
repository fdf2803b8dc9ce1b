#include "client/service_context.hpp"

#include "client/credential_access.hpp"
#include "client/key_lines.hpp"
#include "client/pacing.hpp"
#include "codec/names.hpp"
#include "identity/sources/cloud.hpp"
#include "identity/sources/credential_environment.hpp"
#include "identity/tokens/token_provider.hpp"
#include "net/tls.hpp"
#include "protocol/connection_string.hpp"

#include <azkv/error.hpp>
#include <azkv/identity.hpp>

#include <utility>

namespace azkv::client {

namespace {

const auto& signer_of(const credential& c) {
    return detail::credential_access::signer(c);
}

const auto& tokens_of(const credential& c) {
    return detail::credential_access::tokens(c);
}

void require_protection(const protocol::endpoint& e, bool tokens, bool allow_plain_http) {
    if (e.at.tls) return;
    const bool here = protocol::is_loopback(e);
    if (!here && !allow_plain_http)
        throw error(errc::insecure_transport, "credentials would be sent over plain HTTP to " + e.at.host
                                                  + "; use https, or the option allow_plain_http");
    // Anyone who can read a token can use it.
    if (tokens && !(here && allow_plain_http))
        throw error(errc::insecure_transport,
                    "tokens would be sent over plain HTTP to " + e.at.host
                        + (here ? "; use https, or the option allow_plain_http" : "; use https"));
}

} // namespace

service_context::service_context(std::string_view url, const credential& credential, store_options o,
                                 std::string_view secondary_url)
    : options(std::move(o)),
      endpoint(protocol::parse_table_endpoint(url, signer_of(credential) ? signer_of(credential)->query()
                                                                         : std::string_view())),
      mode(options.mode().value_or(protocol::deduce_mode(endpoint))),
      partition(codec::escape_key(options.partition(), mode, codec::key_kind::partition)),
      signer(signer_of(credential)), budget(std::make_shared<protocol::retry_budget>(options.retry_budget())),
      paces(std::make_shared<client::pacing>(options.max_waiting())), lines(std::make_shared<key_lines>()),
      tracker(std::make_shared<async::operation_tracker>()) {
    require_protection(endpoint, tokens_of(credential) != nullptr, options.allow_plain_http());
    if (options.secondary_reads()) {
        if (mode == service_mode::cosmos)
            throw error(errc::invalid_argument, "secondary_reads: Cosmos DB has no secondary endpoint");
        secondary = secondary_url.empty() ? protocol::secondary_of(endpoint)
                                          : protocol::parse_table_endpoint(secondary_url);
        require_protection(*secondary, tokens_of(credential) != nullptr, options.allow_plain_http());
    }
    const bool speaks_tls = endpoint.at.tls || (secondary && secondary->at.tls);
    if (speaks_tls || net::has_settings(options.tls()))
        tls = std::make_shared<net::tls_client>(options.tls());
    if (!tokens_of(credential)) return;
    std::string scope = options.token_scope();
    if (scope.empty()) scope = identity::default_scope(endpoint.at.host, mode);
    tokens = std::make_shared<identity::token_provider>(tokens_of(credential), std::move(scope),
                                                        options.tenant_discovery());
}

std::shared_ptr<const service_context> service_context::for_child() const {
    const std::shared_ptr<service_context> a(new service_context(*this));
    if (signer) a->signer = signer->copy();
    if (tokens) a->tokens = tokens->copy();
    if (tls) a->tls = tls->for_child();
    a->budget = std::make_shared<protocol::retry_budget>(options.retry_budget());
    a->paces = std::make_shared<client::pacing>(options.max_waiting());
    a->lines = std::make_shared<key_lines>();
    a->tracker = std::make_shared<async::operation_tracker>();
    if (tracker->is_stopped()) a->tracker->stop_accepting();
    return a;
}

namespace {

// Creates the credential; reports an invalid one as an invalid connection string.
credential credential_of(protocol::connection_settings& s) {
    const bool key = s.sas.empty();
    try {
        return key ? credential::shared_key(std::move(s.account), std::move(s.key))
                   : credential::sas(std::move(s.sas));
    } catch (const error& e) {
        throw error(errc::invalid_connection_string, std::string("the connection string has an invalid ")
                                                         + (key ? "AccountKey" : "SharedAccessSignature")
                                                         + ": " + e.what());
    }
}

// Returns the URL of an account in the public cloud.
std::string url_of(const std::string& account, const store_options& options) {
    if (!protocol::is_host_label(account))
        throw error(errc::invalid_argument, // without the name: it may be a key, passed by mistake
                    "invalid account name: only letters, digits and hyphens are allowed");
    const bool cosmos = options.mode() == service_mode::cosmos;
    return "https://" + account + (cosmos ? ".table.cosmos.azure.com" : ".table.core.windows.net");
}

} // namespace

std::shared_ptr<const service_context> service_context::from_connection_string(std::string_view text,
                                                                               store_options options) {
    protocol::connection_settings s = protocol::parse_connection_string(text);
    const credential c = credential_of(s);
    return std::make_shared<const service_context>(s.endpoint, c, std::move(options), s.secondary_endpoint);
}

std::shared_ptr<const service_context> service_context::from_account_and_key(std::string name, secret key,
                                                                             store_options options) {
    const std::string url = url_of(name, options);
    const credential c = credential::shared_key(std::move(name), std::move(key));
    return std::make_shared<const service_context>(url, c, std::move(options));
}

std::shared_ptr<const service_context> service_context::from_sas_token(std::string_view endpoint, secret sas,
                                                                       store_options options) {
    return std::make_shared<const service_context>(endpoint, credential::sas(std::move(sas)),
                                                   std::move(options));
}

std::shared_ptr<const service_context> service_context::from_account_and_id(const std::string& name,
                                                                            store_options options) {
    const std::string url = url_of(name, options);
    return from_aad_token(url, std::move(options));
}

std::shared_ptr<const service_context> service_context::from_aad_token(std::string_view url,
                                                                       store_options options) {
    const protocol::endpoint e = protocol::parse_endpoint(url);
    // The client certificate and the hooks of the options are for the table service only.
    tls_options trust;
    trust.ca_file(options.tls().ca_file()).ca_directory(options.tls().ca_directory());
    trust.minimum_version(options.tls().minimum_version());
    identity_options login;
    login.tls(trust).proxy(options.proxy());
    const bool has_own_authority = identity::process_variable("AZURE_AUTHORITY_HOST").has_value();
    if (!has_own_authority) login.authority_host(identity::default_authority(e.at.host));
    const credential c = credential::token(default_credential(login));
    return std::make_shared<const service_context>(url, c, std::move(options));
}

} // namespace azkv::client
