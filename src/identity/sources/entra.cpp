#include "identity/sources/entra.hpp"

#include "identity/sources/web_client.hpp"
#include "identity/tokens/token_response.hpp"
#include "protocol/endpoint.hpp"
#include "support/ascii.hpp"
#include "support/wipe.hpp"

#include <azkv/error.hpp>

#include <boost/algorithm/string/replace.hpp>
#include <boost/url/parse_query.hpp>

#include <algorithm>
#include <utility>

namespace azkv::identity {

namespace {

// Keeps the secrets of the form out of logs if the authority repeats them in its response.
void redact_proofs(std::string& text, const secret& form) {
    const auto parameters = boost::urls::parse_query(form.reveal());
    if (!parameters) return;
    for (const auto& p : *parameters) {
        if (p.key != "client_secret" && p.key != "client_assertion") continue;
        wiped_string plain(p.value.decode());
        boost::algorithm::replace_all(text, std::string_view(p.value), "***");
        boost::algorithm::replace_all(text, plain.text, "***");
    }
}

class entra_credential final : public token_credential {
public:
    entra_credential(credential_environment env, entra_settings settings, std::string tenant,
                     std::string client_id, client_proof proof)
        : env_(std::move(env)), settings_(std::move(settings)), tenant_(std::move(tenant)),
          client_id_(std::move(client_id)), proof_(std::move(proof)) {
        settings_.authority_host = authority_url(settings_.authority_host, "authority_host");
        authority_ = protocol::parse_endpoint(settings_.authority_host).host_header;
        if (tenant_.empty()) throw error(errc::invalid_argument, "invalid tenant: it is empty");
        token_request("any").tenant(tenant_); // throws for an invalid tenant
        if (client_id_.empty()) throw error(errc::invalid_argument, "invalid client id: it is empty");
    }

    asio::awaitable<access_token> token(token_request request) override {
        require_authority(request);
        const std::string tenant = choose_tenant(tenant_, request, settings_);
        const auto asked = std::chrono::system_clock::now();
        web_request r("POST", token_url(settings_.authority_host, tenant));
        r.form = form(request, tenant, r.url, asked);
        web_client client = co_await web_client::make(env_, env_.transport, env_.timeout);
        const protocol::retry_policy policy;
        protocol::response response = co_await client.send(r, policy);
        if (response.status != 200) {
            redact_proofs(response.body, r.form);
            throw_token_error(response, authority_);
        }
        co_return read_token(std::move(response), asked);
    }

private:
    // Only the trusted authority gets the proof of identity, even if a service names another one.
    void require_authority(const token_request& request) const {
        if (request.authority().empty() || ascii::is_equal(request.authority(), settings_.authority_host))
            return;
        throw error(errc::authentication_failed,
                    "the service belongs to another authority than " + settings_.authority_host);
    }

    secret form(const token_request& request, const std::string& tenant, std::string_view url,
                std::chrono::system_clock::time_point now) const {
        proof_purpose purpose;
        purpose.client_id = client_id_;
        purpose.token_url = url;
        purpose.adfs = is_adfs(tenant);
        purpose.now = now;
        std::string f;
        append_parameter(f, "grant_type", "client_credentials");
        append_parameter(f, "client_id", client_id_);
        if (purpose.adfs)
            append_parameter(f, "resource", request.resource());
        else
            append_parameter(f, "scope", request.scope());
        if (!request.claims().empty()) append_parameter(f, "claims", request.claims());
        proof_(f, purpose);
        return secret(std::move(f));
    }

    const credential_environment env_;
    entra_settings settings_;
    std::string authority_; // the host of its URL
    std::string tenant_;
    std::string client_id_;
    client_proof proof_;
};

} // namespace

bool is_adfs(std::string_view tenant) {
    return ascii::is_equal(tenant, "adfs");
}

std::string authority_url(std::string_view text, const std::string& name) {
    protocol::endpoint e;
    try {
        e = protocol::parse_endpoint(text);
    } catch (const error&) {
        // `e` is not of https, either.
    }
    if (!e.at.tls || !e.base_path.empty())
        throw error(errc::invalid_argument, name + " must be an https URL without a path");
    return e.url();
}

std::string token_url(const std::string& authority_host, const std::string& tenant) {
    return authority_host + '/' + tenant + (is_adfs(tenant) ? "/oauth2/token" : "/oauth2/v2.0/token");
}

std::string choose_tenant(const std::string& own, const token_request& r, const entra_settings& s) {
    if (r.tenant().empty() || ascii::is_equal(r.tenant(), own) || is_adfs(own) || s.own_tenant_only)
        return own;
    const bool allowed = std::ranges::any_of(
        s.allowed_tenants, [&](const std::string& t) { return t == "*" || ascii::is_equal(t, r.tenant()); });
    if (!allowed) {
        diagnostics details;
        details.server_message = r.tenant(); // untrusted: a service may have named it
        throw error(errc::authentication_failed,
                    "the credential is not allowed to request tokens of the tenant; "
                    "identity_options::allow_tenant allows it",
                    std::move(details));
    }
    return r.tenant();
}

std::shared_ptr<token_credential> make_entra_credential(credential_environment env, entra_settings settings,
                                                        std::string tenant, std::string client_id,
                                                        client_proof proof) {
    return std::make_shared<entra_credential>(std::move(env), std::move(settings), std::move(tenant),
                                              std::move(client_id), std::move(proof));
}

client_proof prove_by_secret(secret client_secret) {
    if (client_secret.empty()) throw error(errc::invalid_argument, "invalid client secret: it is empty");
    return [client_secret](std::string& form, const proof_purpose&) {
        append_parameter(form, "client_secret", client_secret.reveal());
    };
}

} // namespace azkv::identity
