#include "identity/sources/chain.hpp"
#include "identity/sources/client_assertion.hpp"
#include "identity/sources/credential_environment.hpp"
#include "identity/sources/default_chain.hpp"
#include "identity/sources/developer_tools.hpp"
#include "identity/sources/entra.hpp"
#include "identity/sources/environment_credential.hpp"
#include "identity/sources/managed_identity.hpp"
#include "identity/sources/workload_identity.hpp"
#include "net/http_transport.hpp"
#include "net/proxy_access.hpp"
#include "net/tls.hpp"
#include "support/per_process.hpp"
#include "support/require.hpp"

#include <azkv/identity.hpp>

#include <memory>
#include <utility>

namespace azkv {

using identity::credential_environment;
using identity::entra_settings;

namespace {

void require_tenant(const std::string& tenant) {
    token_request any("any");
    any.tenant(tenant); // throws if invalid
}

/// The TLS state for token requests, separate in each process.
class process_tls {
public:
    explicit process_tls(const tls_options& o)
        : clients_(std::make_unique<client>(std::make_shared<net::tls_client>(o))) {}

    std::shared_ptr<net::tls_client> here() {
        return clients_.here(
            [](const client& parents) { return std::make_unique<client>(parents->for_child()); });
    }

private:
    using client = std::shared_ptr<net::tls_client>;

    support::per_process<client> clients_;
};

credential_environment environment_of(const identity_options& o) {
    const auto tls = std::make_shared<process_tls>(o.tls());
    net::connector::settings direct;
    direct.max_response_size = 1 << 20;
    net::connector::settings outward = direct;
    outward.proxy = net::proxy_access::settings(o.proxy());
    const auto maker = [tls](const net::connector::settings& settings) {
        return [tls, settings](const asio::any_io_executor& executor) {
            net::connector::settings s = settings;
            s.tls = tls->here();
            return std::make_shared<net::http_transport>(executor, net::pool::limits(1), s);
        };
    };
    credential_environment s;
    s.transport = maker(outward);
    s.direct = maker(direct);
    s.timeout = o.timeout();
    s.process_timeout = o.process_timeout();
    return s;
}

// The options, completed from the environment variables.
entra_settings settings_of(const identity_options& o, const credential_environment& env) {
    entra_settings s = settings_from_environment(env);
    if (!o.authority_host().empty()) s.authority_host = o.authority_host();
    if (!o.allowed_tenants().empty()) s.allowed_tenants = o.allowed_tenants();
    if (o.send_certificate_chain()) s.send_certificate_chain = *o.send_certificate_chain();
    return s;
}

/// Creates credentials from the same options.
class credential_factory {
public:
    explicit credential_factory(const identity_options& o)
        : env(environment_of(o)), settings(settings_of(o, env)) {}

    std::shared_ptr<token_credential> entra(std::string tenant, std::string client_id,
                                            identity::client_proof proof) const {
        return identity::make_entra_credential(env, settings, std::move(tenant), std::move(client_id),
                                               std::move(proof));
    }

    credential_environment env;
    entra_settings settings;
};

} // namespace

identity_options& identity_options::authority_host(std::string url) {
    authority_host_ = identity::authority_url(url, "authority_host");
    return *this;
}

identity_options& identity_options::allow_tenant(std::string tenant) {
    if (tenant != "*") require_tenant(tenant);
    allowed_tenants_.push_back(std::move(tenant));
    return *this;
}

identity_options& identity_options::send_certificate_chain(bool send) {
    send_certificate_chain_ = send;
    return *this;
}

identity_options& identity_options::tenant(std::string id) {
    require_tenant(id);
    tenant_ = std::move(id);
    return *this;
}

identity_options& identity_options::subscription(std::string name) {
    subscription_ = std::move(name); // checked by the credential
    return *this;
}

identity_options& identity_options::timeout(milliseconds t) {
    require_time(t, "timeout");
    timeout_ = t;
    return *this;
}

identity_options& identity_options::process_timeout(milliseconds t) {
    require_time(t, "process_timeout");
    process_timeout_ = t;
    return *this;
}

identity_options& identity_options::tls(tls_options t) {
    tls_ = std::move(t);
    return *this;
}

identity_options& identity_options::proxy(azkv::proxy p) {
    proxy_ = std::move(p);
    return *this;
}

std::shared_ptr<token_credential> client_secret_credential(std::string tenant, std::string client_id,
                                                           secret client_secret, const identity_options& o) {
    return credential_factory(o).entra(std::move(tenant), std::move(client_id),
                                       identity::prove_by_secret(std::move(client_secret)));
}

std::shared_ptr<token_credential> client_certificate_credential(std::string tenant, std::string client_id,
                                                                std::string certificate_file,
                                                                secret passphrase,
                                                                const identity_options& o) {
    const credential_factory factory(o);
    return factory.entra(std::move(tenant), std::move(client_id),
                         identity::prove_by_certificate(std::move(certificate_file), std::move(passphrase),
                                                        factory.settings.send_certificate_chain));
}

std::shared_ptr<token_credential> workload_identity_credential(std::string tenant, std::string client_id,
                                                               std::string token_file,
                                                               const identity_options& o) {
    const credential_factory factory(o);
    return identity::make_workload_identity_credential(factory.env, factory.settings, std::move(tenant),
                                                       std::move(client_id), std::move(token_file));
}

std::shared_ptr<token_credential> workload_identity_credential(const identity_options& o) {
    const credential_factory factory(o);
    return identity::make_workload_identity_credential(factory.env, factory.settings);
}

std::shared_ptr<token_credential> environment_credential(const identity_options& o) {
    const credential_factory factory(o);
    return identity::make_environment_credential(factory.env, factory.settings);
}

std::shared_ptr<token_credential> managed_identity_credential(const managed_identity_id& id,
                                                              const identity_options& o) {
    return identity::make_managed_identity_credential(environment_of(o), id, false);
}

std::shared_ptr<token_credential> azure_cli_credential(const identity_options& o) {
    const credential_factory factory(o);
    return identity::make_azure_cli_credential(factory.env, factory.settings, o.tenant(), o.subscription());
}

std::shared_ptr<token_credential> azure_developer_cli_credential(const identity_options& o) {
    const credential_factory factory(o);
    return identity::make_azure_developer_cli_credential(factory.env, factory.settings, o.tenant());
}

std::shared_ptr<token_credential> azure_powershell_credential(const identity_options& o) {
    const credential_factory factory(o);
    return identity::make_azure_powershell_credential(factory.env, factory.settings, o.tenant());
}

std::shared_ptr<token_credential> default_credential(const identity_options& o) {
    const credential_environment env = environment_of(o);
    // Read when a credential's turn comes, so that only that one reports invalid variables.
    const auto settings = [o, env] { return settings_of(o, env); };
    return identity::make_default_credential(env, settings, o.tenant(), o.subscription());
}

namespace {

class callback final : public token_credential {
public:
    using function = std::function<asio::awaitable<access_token>(token_request)>;

    explicit callback(function f) : function_(std::move(f)) {
        if (!function_) throw error(errc::invalid_argument, "invalid token callback: the function is empty");
    }

    asio::awaitable<access_token> token(token_request request) override {
        return function_(std::move(request));
    }

private:
    const function function_;
};

class one_token final : public token_credential {
public:
    explicit one_token(access_token t) : token_(std::move(t)) {}

    asio::awaitable<access_token> token(token_request) override {
        const access_token t = token_;
        co_return t;
    }

private:
    const access_token token_;
};

} // namespace

std::shared_ptr<token_credential>
callback_credential(std::function<asio::awaitable<access_token>(token_request)> f) {
    return std::make_shared<callback>(std::move(f));
}

std::shared_ptr<token_credential> static_token_credential(access_token t) {
    return std::make_shared<one_token>(std::move(t));
}

std::shared_ptr<token_credential> chained_credential(std::vector<std::shared_ptr<token_credential>> sources) {
    std::vector<identity::chain_link> links;
    for (std::shared_ptr<token_credential>& source : sources)
        links.emplace_back("credential " + std::to_string(links.size() + 1), std::move(source));
    return identity::make_chain(std::move(links));
}

} // namespace azkv
