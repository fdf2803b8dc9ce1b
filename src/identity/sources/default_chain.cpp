#include "identity/sources/default_chain.hpp"

#include "identity/sources/developer_tools.hpp"
#include "identity/sources/environment_credential.hpp"
#include "identity/sources/identity_source.hpp"
#include "identity/sources/managed_identity.hpp"
#include "identity/sources/workload_identity.hpp"
#include "support/ascii.hpp"

#include <azkv/error.hpp>

#include <boost/asio/this_coro.hpp>

#include <optional>

namespace azkv::identity {

namespace {

constexpr const char* selection_variable = "AZURE_TOKEN_CREDENTIALS";

/// A credential with invalid settings. It throws when it is tried, since one before it may do.
class misconfigured_credential final : public token_credential {
public:
    explicit misconfigured_credential(error why) : why_(std::move(why)) {}

    asio::awaitable<access_token> token(token_request) override {
        const error why = why_;
        co_await asio::this_coro::executor; // makes this a coroutine, which throws when it is awaited
        throw why;
    }

private:
    error why_;
};

/// A credential that may be part of the chain.
class candidate {
public:
    std::string title; // in messages
    std::string name;  // in `AZURE_TOKEN_CREDENTIALS`
    bool for_production;
    std::function<std::shared_ptr<token_credential>(bool alone)> make;
};

std::shared_ptr<token_credential> make_managed_identity(const credential_environment& env, bool probe) {
    const auto id = env.variable("AZURE_CLIENT_ID");
    // Where there is no choice of identity, the variable is meant for another credential of the chain.
    const bool chosen = id && find_identity_source(env, managed_identity_id()).has_choice();
    return make_managed_identity_credential(
        env, chosen ? managed_identity_id::client(*id) : managed_identity_id(), probe);
}

std::vector<candidate> candidates(const credential_environment& env,
                                  const std::function<entra_settings()>& settings, const std::string& tenant,
                                  const std::string& subscription) {
    return {
        {"environment", "EnvironmentCredential", true,
         [=](bool) { return make_environment_credential(env, settings()); }},
        {"workload identity", "WorkloadIdentityCredential", true,
         [=](bool) { return make_workload_identity_credential(env, settings()); }},
        {"managed identity", "ManagedIdentityCredential", true,
         [=](bool alone) { return make_managed_identity(env, !alone); }},
        {"Azure CLI", "AzureCliCredential", false,
         [=](bool) { return make_azure_cli_credential(env, settings(), tenant, subscription); }},
        {"Azure PowerShell", "AzurePowerShellCredential", false,
         [=](bool) { return make_azure_powershell_credential(env, settings(), tenant); }},
        {"Azure Developer CLI", "AzureDeveloperCliCredential", false,
         [=](bool) { return make_azure_developer_cli_credential(env, settings(), tenant); }},
    };
}

chain_link make_link(const candidate& c, bool alone) {
    try {
        // A developer tool whose sign-in has expired must not keep the chain from one that works.
        return chain_link(c.title, c.make(alone), !c.for_production);
    } catch (const error& e) {
        return chain_link(c.title, std::make_shared<misconfigured_credential>(e));
    }
}

} // namespace

std::shared_ptr<token_credential> make_default_credential(const credential_environment& env,
                                                          const std::function<entra_settings()>& settings,
                                                          const std::string& tenant,
                                                          const std::string& subscription) {
    const std::string selected = std::string(ascii::trim(env.variable(selection_variable).value_or("")));
    const bool prod = ascii::is_equal(selected, "prod");
    const bool dev = ascii::is_equal(selected, "dev");
    const bool group = selected.empty() || prod || dev;
    std::vector<chain_link> links;
    std::string names;
    for (const candidate& c : candidates(env, settings, tenant, subscription)) {
        names += ", " + c.name;
        const bool wanted = group ? (c.for_production ? !dev : !prod) : ascii::is_equal(selected, c.name);
        if (wanted) links.push_back(make_link(c, !group));
    }
    if (links.empty())
        throw error(errc::invalid_argument,
                    std::string("the variable ") + selection_variable + " must be one of prod, dev" + names);
    return make_chain(std::move(links));
}

} // namespace azkv::identity
