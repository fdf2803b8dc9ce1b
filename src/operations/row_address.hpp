// Where an operation finds its row.
#pragma once

#include "client/operation_context.hpp"
#include "codec/entity_key.hpp"

#include <azkv/entry.hpp>

#include <string>

namespace azkv::operations {

/// The keys of a row as stored.
class row_address {
public:
    row_address() {}

    /// That of a key in the store's partition. Throws `azkv::error` if the service cannot hold the key.
    row_address(const client::operation_context& op, const std::string& key);

    /// That of an entry: where it was read, even if another program wrote keys that azkv would escape.
    row_address(const client::operation_context& op, const entry& e);

    /// Refers to this.
    codec::entity_key key() const { return {partition, row}; }

    std::string partition;
    std::string row;
};

/// Throws `azkv::error` if the entry may lack members, so that writing it would remove them.
void require_whole(const entry& e);

} // namespace azkv::operations
