#include "client/service_context.hpp"

#include "codec/names.hpp"
#include "identity/tokens/token_provider.hpp"
#include "identity/sources/cloud.hpp"
#include "identity/sources/credential_environment.hpp"
#include "net/tls.hpp"
#include "client/pacing.hpp"
#include "protocol/connection_string.hpp"

#include <azkv/error.hpp>
#include <azkv/identity.hpp>

#include <utility>

namespace azkv {

namespace {

void require_protection(const protocol::endpoint& e, bool tokens, bool allow_plain_http) {
    if (e.at.tls) return;
    const bool here = protocol::is_loopback(e);
    if (!here && !allow_plain_http)
        throw error(errc::insecure_transport, "credentials would go over plain HTTP to " + e.at.host
                                                  + "; use https, or the option allow_plain_http");
    // Who sees a token has it, whoever that is.
    if (tokens && !(here && allow_plain_http))
        throw error(errc::insecure_transport,
                    "tokens would go over plain HTTP to " + e.at.host
                        + (here ? "; use https, or the option allow_plain_http" : "; use https"));
}

} // namespace

account::account(std::string_view url, const credential& credential, store_options o,
                 std::string_view secondary_url)
    : options(std::move(o)),
      endpoint(protocol::parse_table_endpoint(url, credential.signer_ ? credential.signer_->query()
                                                                          : std::string_view())),
      mode(options.mode().value_or(protocol::deduce_mode(endpoint))),
      partition(codec::escape_key(options.partition(), mode, codec::key_kind::partition)),
      signer(credential.signer_),
      budget(std::make_shared<protocol::retry_budget>(options.retry_budget())),
      paces(std::make_shared<azkv::pacing>(options.max_waiting())), tracker(std::make_shared<async::operation_tracker>()) {
    require_protection(endpoint, credential.tokens_ != nullptr, options.allow_plain_http());
    if (options.secondary_reads()) {
        if (mode == service_mode::cosmos)
            throw error(errc::invalid_argument, "secondary_reads: Cosmos DB has no secondary endpoint");
        secondary = secondary_url.empty() ? protocol::secondary_of(endpoint)
                                          : protocol::parse_table_endpoint(secondary_url);
        require_protection(*secondary, credential.tokens_ != nullptr, options.allow_plain_http());
    }
    const bool speaks_tls = endpoint.at.tls || (secondary && secondary->at.tls);
    if (speaks_tls || net::are_set(options.tls())) tls = std::make_shared<net::tls_client>(options.tls());
    if (!credential.tokens_) return;
    std::string scope = options.token_scope();
    if (scope.empty()) scope = identity::default_scope(endpoint.at.host, mode);
    tokens =
        std::make_shared<identity::token_provider>(credential.tokens_, std::move(scope), options.tenant_discovery());
}

std::shared_ptr<const account> account::for_child() const {
    const std::shared_ptr<account> a(new account(*this));
    if (signer) a->signer = signer->copy();
    if (tokens) a->tokens = tokens->copy();
    if (tls) a->tls = tls->for_child();
    a->budget = std::make_shared<protocol::retry_budget>(options.retry_budget());
    a->paces = std::make_shared<azkv::pacing>(options.max_waiting());
    a->tracker = std::make_shared<async::operation_tracker>();
    if (tracker->is_stopped()) a->tracker->stop_accepting();
    return a;
}

namespace {

// What is wrong with it is the string's fault.
credential credential_of(protocol::connection_settings& s) {
    const bool key = s.sas.empty();
    try {
        return key ? credential::shared_key(std::move(s.account), std::move(s.key))
                   : credential::sas(std::move(s.sas));
    } catch (const error& e) {
        throw error(errc::invalid_connection_string, std::string("the connection string has a wrong ")
                                                         + (key ? "AccountKey" : "SharedAccessSignature")
                                                         + ": " + e.what());
    }
}

} // namespace

std::shared_ptr<const account> account::from_connection_string(std::string_view text, store_options options) {
    protocol::connection_settings s = protocol::parse_connection_string(text);
    const credential c = credential_of(s);
    return std::make_shared<const account>(s.endpoint, c, std::move(options), s.secondary_endpoint);
}

std::shared_ptr<const account> account::from_account_and_key(std::string name, secret key,
                                                             store_options options) {
    const std::string url = url_of(name, options);
    const credential c = credential::shared_key(std::move(name), std::move(key));
    return std::make_shared<const account>(url, c, std::move(options));
}

std::shared_ptr<const account> account::from_identity(std::string_view url, store_options options) {
    const protocol::endpoint e = protocol::parse_endpoint(url);
    // The certificate that the service knows this side by, and what else is set, is for the service alone.
    tls_options trust;
    trust.ca_file(options.tls().ca_file()).ca_directory(options.tls().ca_directory());
    trust.minimum_version(options.tls().minimum_version());
    identity_options login;
    login.tls(trust).proxy(options.proxy());
    const bool elsewhere = identity::process_variable("AZURE_AUTHORITY_HOST").has_value();
    if (!elsewhere) login.authority_host(identity::default_authority(e.at.host));
    const credential c = credential::token(default_credential(login));
    return std::make_shared<const account>(url, c, std::move(options));
}

std::string account::url_of(const std::string& name, const store_options& options) {
    if (!protocol::is_host_label(name))
        throw error(errc::invalid_argument, "the account name is none: it is of letters, digits and hyphens");
    const bool cosmos = options.mode() == service_mode::cosmos;
    return "https://" + name + (cosmos ? ".table.cosmos.azure.com" : ".table.core.windows.net");
}

} // namespace azkv
