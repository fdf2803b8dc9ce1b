// What only the codec may set in an `azkv::entry`.
#pragma once

#include <azkv/entry.hpp>

#include <string>
#include <utility>
#include <vector>

namespace azkv::detail {

class entry_access {
public:
    /// The keys as stored; empty if they are those that escaping the plain ones gives.
    static void set_stored_keys(entry& e, std::string partition, std::string row) {
        e.stored_partition_key_ = std::move(partition);
        e.stored_key_ = std::move(row);
    }

    static const std::string& stored_partition_key(const entry& e) { return e.stored_partition_key_; }

    static const std::string& stored_key(const entry& e) { return e.stored_key_; }

    /// The text of the marks of conditional writes.
    static void set_marks(entry& e, std::string text) { e.marks_ = std::move(text); }

    static const std::string& marks(const entry& e) { return e.marks_; }

    static const std::vector<std::pair<std::string, std::string>>& edm_types(const entry& e) {
        return e.edm_types_;
    }

    static void set_timestamp(entry& e, std::string text) { e.timestamp_ = std::move(text); }

    static void set_edm_types(entry& e, std::vector<std::pair<std::string, std::string>> types) {
        e.edm_types_ = std::move(types);
    }

    static void set_partial(entry& e, bool partial) { e.partial_ = partial; }
};

} // namespace azkv::detail
