#pragma once

#include <azkv/config.hpp>
#include <azkv/secret.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace azkv {

/// What a shared access signature allows, and when, from where and how. Setters check their argument and
/// throw `azkv::error` (errc::invalid_argument) that names it.
class AZKV_DECL sas_terms {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// `permissions`, in any order: `r` (read), `a` (add), `u` (update), `d` (delete; with an account's
    /// signature tables, too), and for an account's `l` (list tables), `c` and `w` (make tables). An upsert,
    /// such as `put`, needs `a` and `u`. `expires` is cut to whole seconds.
    sas_terms(std::string_view permissions, time_point expires);

    /// Those of a stored access policy of a table, by its identifier (at most 64 characters); they can be
    /// changed, and taken back, at the table. For `table_sas` only.
    static sas_terms of_policy(std::string id);

    /// Default: it holds at once. (A start of now may be in the future of a service whose clock is late.)
    sas_terms& starts(time_point);

    /// The IPv4 address that may use it, or the first and the last of several. Default: all.
    sas_terms& addresses(std::string first, std::string last = {});

    /// Whether it may go over plain HTTP as well. Default: false.
    sas_terms& plain_http(bool);

    /// The version of the service to sign for, from 2015-04-05 on. Default: 2019-02-02.
    sas_terms& version(std::string);

    const std::string& permissions() const noexcept { return permissions_; }

    /// Times as they are signed, `2026-01-02T03:04:05Z`; empty if there is none.
    const std::string& start() const noexcept { return start_; }

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

/// The entities that a table's signature is for, by the keys that the service has for them: with azkv, the
/// store's partition and the key (of which some characters are escaped, see README). Bounds are inclusive.
class AZKV_DECL sas_range {
public:
    /// All.
    sas_range() {}

    /// Without a row key: from the first of that partition on. Throws `azkv::error` (errc::invalid_argument)
    /// if the partition key is empty, which means no bound to the service.
    sas_range& from(std::string partition_key, std::string row_key = {});

    /// Without a row key: to the last of that partition.
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

/// A shared access signature for all tables of an account: the query, without the leading `?`, that
/// `credential::sas` and every other client takes. `key` is the base64 text of the portal. `resource_types`,
/// in any order: `s` (the service), `c` (tables), `o` (entities). For Table Storage; whether Cosmos DB takes
/// such signatures is not known. Throws `azkv::error` (errc::invalid_argument).
/// (https://learn.microsoft.com/rest/api/storageservices/create-account-sas)
[[nodiscard]] AZKV_DECL std::string account_sas(std::string_view account, const secret& key,
                                                const sas_terms& terms,
                                                std::string_view resource_types = "co");

/// A shared access signature for the entities of one table. It can neither make the table nor list tables:
/// `put` into a table that is not there fails with it. Cosmos DB takes such signatures as well, without a
/// range: it refuses one with a range (501).
/// (https://learn.microsoft.com/rest/api/storageservices/create-service-sas)
[[nodiscard]] AZKV_DECL std::string table_sas(std::string_view account, const secret& key,
                                              std::string_view table, const sas_terms& terms,
                                              const sas_range& range = {});

} // namespace azkv
