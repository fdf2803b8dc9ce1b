// What a request is about: parsing of its URL.
#pragma once

#include <azkv/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace azkv::emulation {

/// The parts of a request target.
class target {
public:
    enum class kind {
        service,  ///< `/`
        tables,   ///< `/Tables`
        table,    ///< `/Tables('T')`
        entities, ///< `/T` or `/T()`
        entity,   ///< `/T(PartitionKey='p',RowKey='r')`
        batch     ///< `/$batch`
    };

    kind what = kind::service;
    bool secondary = false; // the read-only secondary endpoint
    std::string base_path;  // the path before it: `/account`, or empty
    std::string table;
    std::string partition_key;
    std::string row_key;
    std::vector<std::pair<std::string, std::string>> parameters; // of the query string, decoded

    /// Returns a parameter; null if there is none of that name.
    const std::string* parameter(std::string_view name) const;
};

/// Returns the first label of a host in lower case: in `NAME.localhost`, the name of an account. Empty for a
/// host of one label, and for an IP address.
std::string account_label(std::string_view host);

/// Returns the first segment of the path in a target, which may be the name of an account.
std::string_view account_segment(std::string_view text);

/// Returns whether a name is that of an account or, with `-secondary` behind it, of its read-only endpoint.
bool is_endpoint_of(std::string_view account, std::string_view name);

/// Parses a target, absolute or not. The account is the first label of the host or the first segment of the
/// path; in cosmos mode it may be in neither. Throws `failure`.
target read_target(std::string_view text, std::string_view host, std::string_view account, service_mode);

/// Returns whether a target, which need not be valid, is that of a batch.
bool is_batch(std::string_view target);

/// Parses the target of an operation in a batch. If it is only a path, `host` is that of the batch. Throws
/// `failure`.
target read_operation_target(std::string_view text, std::string_view host, std::string_view account,
                             service_mode);

/// Returns the last segment of the URL of a table: `Tables('T')`, percent-encoded.
std::string table_segment(std::string_view table);

/// Returns the last segment of the URL of an entity: `T(PartitionKey='p',RowKey='r')`, percent-encoded.
std::string entity_segment(std::string_view table, std::string_view partition_key, std::string_view row_key,
                           service_mode);

} // namespace azkv::emulation
