#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace azkv {

/// The terms of a shared access signature: what it allows, when, from where and how. Setters check their
/// argument and throw `azkv::error` (errc::invalid_argument) that names it.
class AZKV_DECL sas_terms {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Grants `permissions` until `expires`, which is truncated to whole seconds. `permissions` lists in any
    /// order: `r` (read), `a` (add), `u` (update), `d` (delete entities; in an account's signature also
    /// tables); with an account's signature also `l` (list tables), `c` and `w` (create tables). An upsert,
    /// such as `put`, needs `a` and `u`.
    sas_terms(std::string_view permissions, time_point expires);

    /// Refers to a stored access policy of a table by its identifier (at most 64 characters). Its terms can
    /// be changed, or revoked, at the table. For `table_sas` only.
    static sas_terms of_policy(std::string id);

    /// Sets when the signature becomes valid. Default: at once. If the service's clock is slow, a signature
    /// that starts now is not yet valid there.
    sas_terms& starts(time_point);

    /// Sets the IPv4 address that may use it, or the first and the last of a range. Default: all.
    sas_terms& addresses(std::string first, std::string last = {});

    /// Sets whether it may also be used over plain HTTP. Default: false.
    sas_terms& plain_http(bool);

    /// Sets the service version to sign for, 2015-04-05 or later. Default: 2019-02-02.
    sas_terms& version(std::string);

    const std::string& permissions() const noexcept { return permissions_; }

    /// Returns the start in its signed form, such as `2026-01-02T03:04:05Z`, or an empty text.
    const std::string& start() const noexcept { return start_; }

    /// Returns the expiry in its signed form, or an empty text.
    const std::string& expiry() const noexcept { return expiry_; }

    const std::string& addresses() const noexcept { return addresses_; }

    bool plain_http() const noexcept { return plain_http_; }

    const std::string& version() const noexcept { return version_; }

    const std::string& policy() const noexcept { return policy_; }

private:
    sas_terms() {}

    std::string permissions_;
    std::string start_;
    std::string expiry_;
    std::string addresses_;
    std::string version_ = "2019-02-02";
    std::string policy_;
    bool plain_http_ = false;
};

/// The range of entities that a table's signature covers, by partition key and row key as the service stores
/// them. With azkv these are the store's partition and the key, in which `/ \ # ?` and control characters
/// are written as `_xHHHH_` (see "Escapes" in the guide "Values and keys"). Bounds are inclusive.
class AZKV_DECL sas_range {
public:
    /// Covers all entities.
    sas_range() {}

    /// Sets the lower bound. Without a row key it is the first entity of that partition.
    ///
    /// Throws: `azkv::error` (errc::invalid_argument) if the partition key is empty: the service would read
    /// that as no bound.
    sas_range& from(std::string partition_key, std::string row_key = {});

    /// Sets the upper bound. Without a row key it is the last entity of that partition. Throws the same.
    sas_range& to(std::string partition_key, std::string row_key = {});

    const std::string& first_partition_key() const noexcept { return first_partition_key_; }

    const std::string& first_row_key() const noexcept { return first_row_key_; }

    const std::string& last_partition_key() const noexcept { return last_partition_key_; }

    const std::string& last_row_key() const noexcept { return last_row_key_; }

private:
    std::string first_partition_key_;
    std::string first_row_key_;
    std::string last_partition_key_;
    std::string last_row_key_;
};

/// Creates a shared access signature for all tables of an account. Returns the query without the leading `?`,
/// which `credential::sas` and every other client accept. `key` is the base64 text shown in the Azure portal.
/// `resource_types` lists in any order: `s` (the service), `c` (tables), `o` (entities). For Table Storage;
/// whether Cosmos DB accepts such signatures is unknown.
///
/// Throws: `azkv::error` (errc::invalid_argument) that names the invalid argument.
/// (https://learn.microsoft.com/rest/api/storageservices/create-account-sas)
[[nodiscard]] AZKV_DECL std::string account_sas(std::string_view account, const secret& key,
                                                const sas_terms& terms,
                                                std::string_view resource_types = "co");

/// Creates a shared access signature for the entities of one table. It permits neither creating the table nor
/// listing tables: with it, a `put` fails if the table does not exist. Cosmos DB accepts such signatures,
/// too, but refuses one with a range (501). Returns and throws the same as `account_sas`.
/// (https://learn.microsoft.com/rest/api/storageservices/create-service-sas)
[[nodiscard]] AZKV_DECL std::string table_sas(std::string_view account, const secret& key,
                                              std::string_view table, const sas_terms& terms,
                                              const sas_range& range = {});

} // namespace azkv
