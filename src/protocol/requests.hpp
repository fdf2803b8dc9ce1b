// The requests that the store sends, one function each. No I/O.
#pragma once

#include "codec/entity_key.hpp"
#include "protocol/message.hpp"

#include <azkv/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace azkv::protocol {

// Keys are as stored (escaped), but not yet quoted or percent-encoded. `body` is the JSON of an entity.
// (https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api)

/// Appends `/T(PartitionKey='p',RowKey='r')`.
void append_entity_path(std::string& path, std::string_view table, const codec::entity_key& key);

/// Returns `text` as a string literal of a filter: in quotes, with those inside doubled.
std::string string_literal(std::string_view text);

request create_table(std::string_view table);
request upsert_entity(std::string_view table, const codec::entity_key& key, std::string body);
request get_entity(std::string_view table, const codec::entity_key& key, std::string_view select);
request insert_entity(std::string_view table, std::string body);
request replace_entity(std::string_view table, const codec::entity_key& key, std::string body,
                       std::string version);

/// `version` is the ETag of the row; `*`: any.
request delete_entity(std::string_view table, const codec::entity_key& key, std::string version = "*");

/// The continuation token of a listing. The service may send one part without the other.
class continuation {
public:
    continuation() {}

    explicit continuation(const response& r)
        : next_partition_key(r.next_partition_key), next_row_key(r.next_row_key) {}

    bool empty() const { return !next_partition_key && !next_row_key; }

    friend bool operator==(const continuation&, const continuation&) = default;

    std::optional<std::string> next_partition_key;
    std::optional<std::string> next_row_key;
};

request query_entities(std::string_view table, std::string_view filter, std::string_view select,
                       const continuation& from);

} // namespace azkv::protocol
