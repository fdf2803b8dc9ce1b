// A reference check for key ranges.
#pragma once

#include "emulator/filter.hpp"

namespace azkv::test {

/// Returns whether a scan of that range would return the entity.
inline bool is_in_range(const emulation::entity& e, const emulation::key_range& range) {
    const auto is_between = [](const std::string& key, const std::string& first,
                               const std::optional<std::string>& last) {
        using emulation::sort_key;
        return sort_key(key) >= sort_key(first) && (!last || sort_key(key) <= sort_key(*last));
    };
    if (!range.partition_key)
        return is_between(e.partition_key.text, range.first_partition_key, range.last_partition_key);
    return e.partition_key.text == *range.partition_key
           && is_between(e.row_key.text, range.first_row_key, range.last_row_key);
}

} // namespace azkv::test
