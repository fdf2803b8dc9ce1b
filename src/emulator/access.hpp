// Who sends a request, and what the sender may do.
#pragma once

#include "emulator/edm.hpp"
#include "emulator/message.hpp"
#include "emulator/target.hpp"
#include "identity/tokens/shared_key.hpp"

#include <azkv/value.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace azkv::emulation {

/// The kinds of access that need a permission.
enum class access {
    list_tables,
    create_table,
    delete_table,
    read,
    insert,
    update,
    upsert,
    erase,
    access_policies, ///< of a table
    read_service,    ///< properties and statistics
    write_service
};

/// The policy in a shared access signature, or the stored access policy that the signature names.
class access_policy {
public:
    std::string start; // times as written; may be empty
    std::string expiry;
    std::string permissions;
};

class sas_fields;

/// The permissions of the sender of a request.
class grant {
public:
    /// Permits everything.
    grant() {}

    /// Throws `failure` (403) unless the access to that table is permitted.
    void require(access, std::string_view table) const;

    /// Throws `failure` (403) unless the entity is within the permitted range of keys.
    void require_keys(std::string_view partition_key, std::string_view row_key) const;

    bool has_keys(std::string_view partition_key, std::string_view row_key) const;

private:
    friend class authenticator;

    enum class kind { everything, account, table };

    kind kind_ = kind::everything;
    std::string permissions_;
    std::string resource_types_;
    std::string table_;                                        // in lower case
    std::optional<std::pair<std::string, std::string>> first_; // sort keys
    std::optional<std::pair<std::string, std::string>> last_;
};

/// Authenticates requests.
/// (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key,
/// https://learn.microsoft.com/rest/api/storageservices/create-service-sas,
/// https://learn.microsoft.com/rest/api/storageservices/create-account-sas)
class authenticator {
public:
    using bearer_check = std::function<bool(std::string_view token)>;
    using policy_lookup =
        std::function<std::optional<access_policy>(std::string_view table, std::string_view id)>;

    authenticator(std::string account, std::string_view base64_key, service_mode, bearer_check);

    /// Throws `failure` (401 or 403).
    grant authenticate(const request&, const target&, const origin&,
                       std::chrono::system_clock::time_point now, const policy_lookup&);

private:
    void check_shared_key(const request&, identity::shared_key_scheme, std::string_view credential,
                          std::chrono::system_clock::time_point now);
    void check_bearer(std::string_view token, const origin&) const;
    static grant read_scope(const sas_fields&);
    static void check_cosmos_scope(const grant&);
    std::string string_to_sign(const grant&, const sas_fields&) const;
    grant read_sas(const target&, const origin&, ticks now, const policy_lookup&);

    std::string account_;
    service_mode mode_;
    identity::hmac_sha256 mac_;
    bearer_check bearer_;
};

} // namespace azkv::emulation
