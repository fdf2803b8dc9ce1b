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

/// What needs a permission.
enum class access {
    list_tables,
    create_table,
    delete_table,
    read,
    insert,
    update,
    upsert,
    erase,
    manage ///< the service's properties, the access policies of tables
};

/// What a shared access signature says, or the stored access policy that it names.
class access_policy {
public:
    std::string start; // times as they were written; may be empty
    std::string expiry;
    std::string permissions;
};

/// What the sender of a request may do.
class grant {
public:
    /// Everything.
    grant() {}

    /// Throws `failure` (403) unless it is granted, on that table.
    void require(access, std::string_view table) const;

    /// Throws `failure` (403) unless the entity is within the granted range of keys.
    void require_keys(std::string_view partition_key, std::string_view row_key) const;

    bool has_keys(std::string_view partition_key, std::string_view row_key) const;

private:
    friend class gate;

    enum class kind { everything, account, table };

    kind kind_ = kind::everything;
    std::string permissions_;
    std::string resource_types_;
    std::string table_;                                        // in lower case
    std::optional<std::pair<std::string, std::string>> first_; // sort keys
    std::optional<std::pair<std::string, std::string>> last_;
};

/// Finds out who sends a request.
/// (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key,
/// https://learn.microsoft.com/rest/api/storageservices/create-service-sas,
/// https://learn.microsoft.com/rest/api/storageservices/create-account-sas)
class gate {
public:
    using bearer_check = std::function<bool(std::string_view token)>;
    using policy_lookup =
        std::function<std::optional<access_policy>(std::string_view table, std::string_view id)>;

    gate(std::string account, std::string_view base64_key, service_mode, bearer_check);

    /// Throws `failure` (401 or 403).
    grant admit(const request&, const target&, const origin&, std::chrono::system_clock::time_point now,
                const policy_lookup&);

private:
    void check_shared_key(const request&, identity::shared_key_scheme, std::string_view credential,
                          std::chrono::system_clock::time_point now);
    void check_bearer(std::string_view token, const origin&) const;
    grant read_sas(const target&, const origin&, ticks now, const policy_lookup&);

    std::string account_;
    service_mode mode_;
    identity::hmac_sha256 mac_;
    bearer_check bearer_;
};

} // namespace azkv::emulation
