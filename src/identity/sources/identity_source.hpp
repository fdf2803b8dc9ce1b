// Managed identities: the endpoint of the platform that the program runs on, and its protocol.
#pragma once

#include "identity/sources/credential_environment.hpp"
#include "identity/sources/web_client.hpp"
#include "protocol/call_state.hpp"

#include <azkv/identity.hpp>
#include <azkv/secret.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::identity {

/// The endpoint that issues tokens for a managed identity, and the form of its requests.
class identity_source {
public:
    identity_source() {}

    enum class kind { service_fabric, app_service, azure_arc, azure_ml, cloud_shell, virtual_machine };

    kind what = kind::virtual_machine;
    const char* name = ""; // for messages: "App Service"
    std::string url;       // without a query
    std::string version;   // of its protocol; empty: not sent
    std::string thumbprint;
    std::vector<std::pair<std::string_view, secret>> headers;
    std::pair<std::string_view, std::string>
        identity; // the parameter and its value; empty: the system-assigned one
    protocol::retry_policy policy;

    /// Returns true if a client id can select one of several identities.
    bool has_choice() const {
        return what == kind::app_service || what == kind::azure_ml || what == kind::virtual_machine;
    }

    bool announced = true; // false: no variable names the endpoint, which may not exist

    web_request request(const std::string& resource) const;
};

/// Returns the source that the variables name: Service Fabric, App Service, Azure Arc, Azure ML, Cloud Shell,
/// in this order; otherwise Azure Arc if its agent is installed, otherwise the metadata service of virtual
/// machines. Throws `azkv::error` (errc::invalid_argument) for an invalid variable, which it names, and for
/// an identity that the source cannot select.
identity_source find_identity_source(const credential_environment& env, const managed_identity_id& id);

/// Returns the retry policy for the metadata service of virtual machines.
protocol::retry_policy metadata_retries();

} // namespace azkv::identity
