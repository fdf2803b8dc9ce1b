#include "identity/sources/environment_credential.hpp"

#include "identity/sources/client_assertion.hpp"
#include "identity/sources/unavailable.hpp"
#include "support/ascii.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace azkv::identity {

namespace {

constexpr const char* client_secret = "AZURE_CLIENT_SECRET";
constexpr const char* certificate_path = "AZURE_CLIENT_CERTIFICATE_PATH";

client_proof proof(const credential_environment& env, const entra_settings& settings) {
    if (secret text = env.secret_variable(client_secret); !text.empty())
        return prove_by_secret(std::move(text));
    return prove_by_certificate(env.variable_or_empty(certificate_path),
                                env.secret_variable("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
                                settings.send_certificate_chain);
}

} // namespace

entra_settings settings_from_environment(const credential_environment& env) {
    entra_settings s;
    if (std::string host = std::string(ascii::trim(env.variable_or_empty("AZURE_AUTHORITY_HOST")));
        !host.empty()) {
        if (host.find("://") == host.npos) host.insert(0, "https://");
        s.authority_host = authority_url(host, "AZURE_AUTHORITY_HOST");
    }
    const std::string tenants = env.variable_or_empty("AZURE_ADDITIONALLY_ALLOWED_TENANTS");
    for (std::string_view rest = tenants; !rest.empty();) {
        const std::string_view one = rest.substr(0, rest.find(';'));
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
        if (const std::string_view tenant = ascii::trim(one); !tenant.empty())
            s.allowed_tenants.emplace_back(tenant);
    }
    s.own_tenant_only = env.is_switched_on("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH");
    s.send_certificate_chain = env.is_switched_on("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
    return s;
}

std::shared_ptr<token_credential> make_environment_credential(credential_environment env,
                                                              entra_settings settings) {
    std::string missing = env.missing_variables({"AZURE_TENANT_ID", "AZURE_CLIENT_ID"});
    if (env.secret_variable(client_secret).empty() && env.variable_or_empty(certificate_path).empty())
        missing += std::string(missing.empty() ? "" : ", ") + client_secret + " or " + certificate_path;
    if (!missing.empty())
        return std::make_shared<unavailable_credential>("these variables are not set: " + missing);
    try {
        client_proof by = proof(env, settings);
        return make_entra_credential(env, std::move(settings), env.variable_or_empty("AZURE_TENANT_ID"),
                                     env.variable_or_empty("AZURE_CLIENT_ID"), std::move(by));
    } catch (const error& e) {
        throw error(e.code(), std::string("the variables AZURE_... are not valid: ") + e.what());
    }
}

} // namespace azkv::identity
