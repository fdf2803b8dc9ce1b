#include "account.hpp"

#include "codec/names.hpp"
#include "net/connection.hpp"
#include "protocol/connection_string.hpp"

#include <azkv/error.hpp>

#include <utility>

namespace azkv {

account::account(std::string_view url, const credential& credential, store_options o)
    : options(std::move(o)), endpoint(protocol::parse_endpoint(url)),
      mode(options.mode().value_or(protocol::deduce_mode(endpoint))),
      partition(codec::escape_key(options.partition(), mode, codec::key_kind::partition)),
      authorizer(credential.authorizer_) {
    if (endpoint.at.tls || !options.ca_file().empty()) tls = net::make_tls_context(options.ca_file());
    if (!endpoint.at.tls && !protocol::is_loopback(endpoint) && !options.allow_plain_http())
        throw error(errc::insecure_transport, "credentials would go over plain HTTP to " + endpoint.at.host
                                                  + "; use https, or the option allow_plain_http");
}

namespace {

// What is wrong with it is the string's fault.
credential credential_of(protocol::connection_settings& s) {
    try {
        return s.sas.empty() ? credential::shared_key(std::move(s.account), s.key)
                             : credential::sas(std::move(s.sas));
    } catch (const error& e) {
        throw error(errc::invalid_connection_string, std::string("the connection string: ") + e.what());
    }
}

} // namespace

std::shared_ptr<const account> account::from_connection_string(std::string_view text, store_options options) {
    protocol::connection_settings s = protocol::parse_connection_string(text);
    const credential c = credential_of(s);
    return std::make_shared<const account>(s.endpoint, c, std::move(options));
}

std::shared_ptr<const account> account::from_account_and_key(std::string name, std::string_view key,
                                                             store_options options) {
    if (!protocol::is_host_label(name))
        throw error(errc::invalid_argument, "the account name is none: it is of letters, digits and hyphens");
    const bool cosmos = options.mode() == service_mode::cosmos;
    const std::string url =
        "https://" + name + (cosmos ? ".table.cosmos.azure.com" : ".table.core.windows.net");
    const credential c = credential::shared_key(std::move(name), key);
    return std::make_shared<const account>(url, c, std::move(options));
}

} // namespace azkv
