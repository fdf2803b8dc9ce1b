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

/// What the credentials below have in common. Setters throw `azkv::error` (errc::invalid_argument) that names
/// what is wrong.
class AZKV_DECL identity_options {
public:
    using milliseconds = std::chrono::milliseconds;

    identity_options() {}

    /// The authority that applications ask for tokens; `https`, without a path. Developer tools and managed
    /// identities have their own. Default: the variable
    /// `AZURE_AUTHORITY_HOST`, or else https://login.microsoftonline.com, that of the public cloud.
    identity_options& authority_host(std::string url);

    const std::string& authority_host() const noexcept { return authority_host_; }

    /// A further tenant that may be asked, beside the credential's own; `*` is any. May be called several
    /// times. Default: those of the variable `AZURE_ADDITIONALLY_ALLOWED_TENANTS`.
    identity_options& allow_tenant(std::string tenant);

    const std::vector<std::string>& allowed_tenants() const noexcept { return allowed_tenants_; }

    /// Whether a client certificate is sent with those that lead to its authority, for applications that are
    /// known by subject and issuer. Default: the variable `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`, or else not.
    identity_options& send_certificate_chain(bool send);

    std::optional<bool> send_certificate_chain() const noexcept { return send_certificate_chain_; }

    /// The tenant that developer tools are asked for; applications have theirs. Default (empty): the one that
    /// they are logged in to.
    identity_options& tenant(std::string);

    const std::string& tenant() const noexcept { return tenant_; }

    /// The subscription, by name or identifier, that the Azure CLI is asked for. Default (empty): its own.
    identity_options& subscription(std::string);

    const std::string& subscription() const noexcept { return subscription_; }

    /// The longest time to get a token over the network, with retries. Default: 120 s, since the metadata
    /// service of virtual machines may be away for 70 s while it is upgraded. From 1 ms to a year.
    identity_options& timeout(milliseconds);

    milliseconds timeout() const noexcept { return timeout_; }

    /// The longest time that a developer tool may take. Default: 13 s. From 1 ms to a year.
    identity_options& process_timeout(milliseconds);

    milliseconds process_timeout() const noexcept { return process_timeout_; }

    /// Whom to trust, for the authority. Default: as the system does.
    identity_options& tls(tls_options);

    const tls_options& tls() const noexcept { return tls_; }

    /// The proxy on the way to the authority. Managed identities go past it. Default: none.
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

// Each of the functions below makes a source of tokens. None asks for one: that happens when a store needs
// it. What is wrong with the arguments, or with a variable, is an `azkv::error` (errc::invalid_argument).
//
// Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token

/// An application, by its secret.
AZKV_DECL std::shared_ptr<token_credential> client_secret_credential(std::string tenant,
                                                                     std::string client_id,
                                                                     secret client_secret,
                                                                     const identity_options& = {});

/// An application, by its certificate: a PEM file of the certificate, those that lead to its authority, and
/// the key, which is an RSA one.
AZKV_DECL std::shared_ptr<token_credential>
client_certificate_credential(std::string tenant, std::string client_id, std::string certificate_file,
                              secret passphrase = {}, const identity_options& = {});

/// An application whose token comes from another issuer, such as Kubernetes, in a file, which is read anew
/// for each token.
AZKV_DECL std::shared_ptr<token_credential> workload_identity_credential(std::string tenant,
                                                                         std::string client_id,
                                                                         std::string token_file,
                                                                         const identity_options& = {});

/// The same, as the variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE` say. If
/// one is missing, asking for a token is errc::credential_unavailable.
AZKV_DECL std::shared_ptr<token_credential> workload_identity_credential(const identity_options& = {});

/// An application, as the variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and either `AZURE_CLIENT_SECRET` or
/// `AZURE_CLIENT_CERTIFICATE_PATH` (and `AZURE_CLIENT_CERTIFICATE_PASSWORD`) say. If they do not, asking for
/// a token is errc::credential_unavailable.
AZKV_DECL std::shared_ptr<token_credential> environment_credential(const identity_options& = {});

/// Which identity of a machine that has several.
class AZKV_DECL managed_identity_id {
public:
    enum class kind { system, client, object, resource };

    /// The machine's own.
    managed_identity_id() {}

    /// One that was assigned to it, by its client id, its object id, or its resource id.
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

/// The identity of the machine that the program runs on: Service Fabric, App Service (also Functions and
/// Container Apps), Azure Arc, Azure ML, Cloud Shell, as the variables say, or else a virtual machine.
AZKV_DECL std::shared_ptr<token_credential> managed_identity_credential(const managed_identity_id& = {},
                                                                        const identity_options& = {});

/// Whoever is logged in with the Azure CLI (`az login`), with the Azure Developer CLI (`azd auth login`) or
/// with Azure PowerShell (`Connect-AzAccount`). The tool runs without a shell, in `/bin`, and is ended with
/// all that it started when it takes too long.
AZKV_DECL std::shared_ptr<token_credential> azure_cli_credential(const identity_options& = {});
AZKV_DECL std::shared_ptr<token_credential> azure_developer_cli_credential(const identity_options& = {});
AZKV_DECL std::shared_ptr<token_credential> azure_powershell_credential(const identity_options& = {});

/// A function of the program's. It may be called from any thread, several times at once.
AZKV_DECL std::shared_ptr<token_credential>
    callback_credential(std::function<asio::awaitable<access_token>(token_request)>);

/// Always the same token, also when it has expired: for tests.
AZKV_DECL std::shared_ptr<token_credential> static_token_credential(access_token);

/// The first of several that gives a token; it is the only one that is asked from then on. The chain goes on
/// from a source that is unavailable (errc::credential_unavailable) and ends at one that fails. If none is
/// there, the error lists what each of them said.
AZKV_DECL std::shared_ptr<token_credential>
    chained_credential(std::vector<std::shared_ptr<token_credential>>);

/// What works without a change on a developer's machine and in Azure, in this order: environment, workload
/// identity, managed identity (a virtual machine's only if its metadata service answers within a second),
/// Azure CLI, Azure PowerShell, Azure Developer CLI. The variable `AZURE_TOKEN_CREDENTIALS` narrows it down:
/// `prod` is the first three, `dev` the last three, or the name of one, such as `ManagedIdentityCredential`.
/// (https://learn.microsoft.com/dotnet/azure/sdk/authentication/credential-chains)
AZKV_DECL std::shared_ptr<token_credential> default_credential(const identity_options& = {});

} // namespace azkv
