#include "operations/row_address.hpp"

#include "codec/entry_access.hpp"
#include "codec/names.hpp"
#include "support/require.hpp"

namespace azkv::operations {

row_address::row_address(const client::operation_context& op, const std::string& key)
    : partition(op.settings().partition), row(codec::escape_key(key, op.service().mode)) {}

row_address::row_address(const client::operation_context& op, const entry& e) {
    if (const auto* const stored = detail::entry_access::stored(e)) {
        partition = stored->partition_key;
        row = stored->key;
    }
    if (!row.empty() || !partition.empty()) return;
    const service_mode mode = op.service().mode;
    partition = codec::escape_key(e.partition_key(), mode, codec::key_kind::partition);
    row = codec::escape_key(e.key(), mode);
}

void require_whole(const entry& e) {
    require(!e.partial(), "the entry was read with a projection; to write it would remove its other members");
}

} // namespace azkv::operations
