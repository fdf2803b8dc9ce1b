#pragma once

#include <azkv/config.hpp>
#include <azkv/proxy.hpp>
#include <azkv/secret.hpp>
#include <azkv/tls_options.hpp>
#include <azkv/token_credential.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace azkv {

/// Options that the token credentials below share. A setter throws `azkv::error` (errc::invalid_argument)
/// that names the invalid value.
class AZKV_DECL identity_options {
public:
    using milliseconds = std::chrono::milliseconds;

    identity_options() {}

    /// Sets the authority that applications request tokens from: an `https` URL without a path. Developer
    /// tools and managed identities have their own. Default: the environment variable `AZURE_AUTHORITY_HOST`,
    /// or else that of the public cloud, https://login.microsoftonline.com.
    identity_options& authority_host(std::string url);

    const std::string& authority_host() const noexcept { return authority_host_; }

    /// Allows token requests to one more tenant besides the credential's own; `*` allows any. May be called
    /// several times. Default: the environment variable `AZURE_ADDITIONALLY_ALLOWED_TENANTS`.
    identity_options& allow_tenant(std::string tenant);

    const std::vector<std::string>& allowed_tenants() const noexcept { return allowed_tenants_; }

    /// Sets whether a client certificate is sent with its chain, for applications that are registered by
    /// subject and issuer. Default: the environment variable `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`, or else
    /// false.
    identity_options& send_certificate_chain(bool send);

    std::optional<bool> send_certificate_chain() const noexcept { return send_certificate_chain_; }

    /// Sets the tenant that developer tools request tokens for; applications have their own. Default (empty):
    /// the tenant that the user is signed in to.
    identity_options& tenant(std::string);

    const std::string& tenant() const noexcept { return tenant_; }

    /// Sets the subscription, by name or identifier, that the Azure CLI requests tokens for. Default (empty):
    /// the CLI's own.
    identity_options& subscription(std::string);

    const std::string& subscription() const noexcept { return subscription_; }

    /// Limits the time to get a token over the network, including retries. Default: 120 s, as the metadata
    /// service of virtual machines may be unavailable for 70 s during an upgrade. From 1 ms to a year.
    identity_options& timeout(milliseconds);

    milliseconds timeout() const noexcept { return timeout_; }

    /// Limits the time that a developer tool may take. Default: 13 s. From 1 ms to a year.
    identity_options& process_timeout(milliseconds);

    milliseconds process_timeout() const noexcept { return process_timeout_; }

    /// Sets the trusted CAs for connections to the authority. Default: those of the system.
    identity_options& tls(tls_options);

    const tls_options& tls() const noexcept { return tls_; }

    /// Sets the proxy for connections to the authority. Managed identities bypass it. Default: none.
    identity_options& proxy(azkv::proxy);

    const azkv::proxy& proxy() const noexcept { return proxy_; }

private:
    std::string authority_host_;
    std::vector<std::string> allowed_tenants_;
    std::optional<bool> send_certificate_chain_;
    std::string tenant_;
    std::string subscription_;
    milliseconds timeout_{120'000};
    milliseconds process_timeout_{13'000};
    tls_options tls_;
    azkv::proxy proxy_;
};

// Each function below creates a token credential. No token is requested until a store needs one. An invalid
// argument or environment variable is an `azkv::error` (errc::invalid_argument).
//
// Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token

/// Authenticates an application (service principal) with a client secret.
AZKV_DECL std::shared_ptr<token_credential> client_secret_credential(std::string tenant,
                                                                     std::string client_id,
                                                                     secret client_secret,
                                                                     const identity_options& = {});

/// Authenticates an application with a certificate: a PEM file of the certificate, its chain, and its key,
/// which must be an RSA key.
AZKV_DECL std::shared_ptr<token_credential>
client_certificate_credential(std::string tenant, std::string client_id, std::string certificate_file,
                              secret passphrase = {}, const identity_options& = {});

/// Authenticates an application with a token of another issuer, such as Kubernetes. The token file is read
/// again for each token request.
AZKV_DECL std::shared_ptr<token_credential> workload_identity_credential(std::string tenant,
                                                                         std::string client_id,
                                                                         std::string token_file,
                                                                         const identity_options& = {});

/// The same, configured by the environment variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and
/// `AZURE_FEDERATED_TOKEN_FILE`. If one is missing, token requests fail with errc::credential_unavailable.
AZKV_DECL std::shared_ptr<token_credential> workload_identity_credential(const identity_options& = {});

/// Authenticates the application that the environment variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and
/// either `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH` (and `AZURE_CLIENT_CERTIFICATE_PASSWORD`)
/// describe. If they describe none, token requests fail with errc::credential_unavailable.
AZKV_DECL std::shared_ptr<token_credential> environment_credential(const identity_options& = {});

/// Selects one of a machine's managed identities.
class AZKV_DECL managed_identity_id {
public:
    enum class kind { system, client, object, resource };

    /// Selects the machine's system-assigned identity.
    managed_identity_id() {}

    /// Selects a user-assigned identity by its client id, object id or resource id.
    static managed_identity_id client(std::string id);
    static managed_identity_id object(std::string id);
    static managed_identity_id resource(std::string id);

    kind type() const noexcept { return kind_; }

    const std::string& id() const noexcept { return id_; }

private:
    managed_identity_id(kind k, std::string id);

    kind kind_ = kind::system;
    std::string id_;
};

/// Authenticates with the managed identity of the machine that the program runs on. Environment variables
/// identify Service Fabric, App Service (also Functions and Container Apps), Azure Arc, Azure ML and Cloud
/// Shell; otherwise the machine is a virtual machine.
AZKV_DECL std::shared_ptr<token_credential> managed_identity_credential(const managed_identity_id& = {},
                                                                        const identity_options& = {});

/// Authenticates the user signed in to the Azure CLI (`az login`), the Azure Developer CLI (`azd auth login`)
/// or Azure PowerShell (`Connect-AzAccount`). The tool runs without a shell, in `/bin`; if it exceeds
/// `process_timeout`, it and all processes that it started are killed.
AZKV_DECL std::shared_ptr<token_credential> azure_cli_credential(const identity_options& = {});
AZKV_DECL std::shared_ptr<token_credential> azure_developer_cli_credential(const identity_options& = {});
AZKV_DECL std::shared_ptr<token_credential> azure_powershell_credential(const identity_options& = {});

/// Gets tokens from a function of the program. It may be called from any thread, several times at once.
AZKV_DECL std::shared_ptr<token_credential>
    callback_credential(std::function<asio::awaitable<access_token>(token_request)>);

/// Always returns the same token, even after it has expired. For tests.
AZKV_DECL std::shared_ptr<token_credential> static_token_credential(access_token);

/// Tries several credentials in order. The first one that returns a token is the only one used from then on.
/// If a credential is unavailable (errc::credential_unavailable), the chain continues with the next; if one
/// fails otherwise, so does the chain. If all are unavailable, the error lists the reason of each.
AZKV_DECL std::shared_ptr<token_credential>
    chained_credential(std::vector<std::shared_ptr<token_credential>>);

/// A chain that works unchanged on a developer's machine and in Azure. It tries in this order: environment,
/// workload identity, managed identity (that of a virtual machine only if its metadata service responds
/// within a second), Azure CLI, Azure PowerShell, Azure Developer CLI. The environment variable
/// `AZURE_TOKEN_CREDENTIALS` narrows the choice: `prod` selects the first three, `dev` the last three, and a
/// name such as `ManagedIdentityCredential` that one.
/// (https://learn.microsoft.com/dotnet/azure/sdk/authentication/credential-chains)
AZKV_DECL std::shared_ptr<token_credential> default_credential(const identity_options& = {});

} // namespace azkv
