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

/// Who gives a machine's identity its tokens, and how it is asked.
class identity_source {
public:
    identity_source() {}

    enum class kind { service_fabric, app_service, azure_arc, azure_ml, cloud_shell, virtual_machine };

    kind what = kind::virtual_machine;
    const char* name = ""; // for messages: "App Service"
    std::string url;       // without a query
    std::string version;   // of its interface; empty: it has none
    std::string thumbprint;
    std::vector<std::pair<std::string_view, secret>> headers;
    std::pair<std::string_view, std::string>
        identity; // the parameter that names it; empty: the machine's own
    protocol::retry_policy policy;

    /// Whether it can have several identities, to be chosen by their client ids.
    bool has_choice() const {
        return what == kind::app_service || what == kind::azure_ml || what == kind::virtual_machine;
    }

    bool announced = true; // by variables; otherwise it may turn out that there is none

    web_request request(const std::string& resource) const;
};

/// The source that the variables tell of: Service Fabric, App Service, Azure Arc, Azure ML, Cloud Shell, in
/// this order; or else Azure Arc if its agent is installed, or else that of virtual machines. Throws
/// `azkv::error` (errc::invalid_argument) for a variable that makes no sense, which it names, and for an
/// identity that the source does not know.
identity_source find_identity_source(const credential_environment& env, const managed_identity_id& id);

/// When the metadata service of a virtual machine is asked again.
protocol::retry_policy metadata_retries();

} // namespace azkv::identity
