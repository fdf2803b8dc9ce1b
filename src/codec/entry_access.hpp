// What only the codec may set in an `azkv::entry`.
#pragma once

#include <azkv/entry.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace azkv::detail {

/// What few rows have. (Entries are moved often, so it is kept apart.)
class stored_row {
public:
    std::string marks;              // the text of those of conditional writes
    std::string partition_key, key; // as stored; empty if they are those that escaping the plain ones gives
};

class entry_access {
public:
    static void set_stored(entry& e, stored_row r) {
        e.stored_ = std::make_shared<const stored_row>(std::move(r));
    }

    /// Null: nothing.
    static const stored_row* stored(const entry& e) { return e.stored_.get(); }

    static std::string marks(const entry& e) { return e.stored_ ? e.stored_->marks : std::string(); }

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
