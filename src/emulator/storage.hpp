// Tables and entities in an SQLite database.
#pragma once

#include "emulator/filter.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace azkv::emulation {

/// A stored entity.
class record {
public:
    std::string partition_key; // UTF-8
    std::string row_key;
    std::int64_t timestamp = 0; // in ticks; each write has a greater one
    std::string properties;     // in the service's JSON with types: `"a":1,"b":"x"`
    std::int64_t position = 0;  // in the order of the first writes; set by storage
};

/// Stores tables and entities in memory or in a file. Used by one thread at a time.
class storage {
public:
    using table_id = std::int64_t;

    /// Opens `directory`, which is created if it does not exist; memory if it is empty. Throws
    /// `std::runtime_error` if the directory cannot be opened or is in use.
    explicit storage(const std::string& directory);
    ~storage();
    storage(const storage&) = delete;
    storage& operator=(const storage&) = delete;

    /// Returns whether the directory has tables already.
    static bool is_in(const std::string& directory);

    /// Returns false if the table exists. Table names that differ only in case are equal unless
    /// `case_sensitive`.
    bool create_table(std::string_view name, bool case_sensitive);
    std::optional<table_id> find_table(std::string_view name, bool case_sensitive);
    /// Deletes a table with its entities, in several steps, so not within a transaction. If the process ends
    /// before the last step, the next one to open the directory completes the deletion.
    void delete_table(table_id);
    /// Returns names from `from` on (inclusive), in the order of the lower-case names, then of the names.
    std::vector<std::string> tables(std::string_view from, std::size_t at_most);

    /// A setting of the whole storage; initially empty.
    std::string setting(std::string_view name);
    void set_setting(std::string_view name, std::string_view text);

    /// The stored access policies of a table; initially empty.
    std::string access_policies(table_id);
    void set_access_policies(table_id, std::string_view text);

    std::optional<record> find(table_id, std::string_view partition_key, std::string_view row_key);
    void put(table_id, const record&); // replaces the record with the same keys, if there is one
    void erase(table_id, std::string_view partition_key, std::string_view row_key);

    /// Calls `visit` for the records in the range in the order of their keys, beginning at `from` (inclusive;
    /// a partition key and a row key), until it returns false. `visit` must neither write nor scan.
    void scan(table_id, const key_range&, const std::optional<std::pair<std::string, std::string>>& from,
              const std::function<bool(record&&)>& visit);

    /// The same in the order of the first writes, from a position on.
    void scan_unsorted(table_id, const key_range&, std::int64_t from,
                       const std::function<bool(record&&)>& visit);

    /// Returns a time not before the timestamp of any record ever stored, and at most 100 ms after the
    /// latest.
    std::int64_t last_timestamp();

    /// Groups all writes during its life. Rolls back unless `commit` was called. Not nested. After `commit`
    /// the writes survive the end of the process.
    class transaction {
    public:
        explicit transaction(storage&);
        ~transaction();
        transaction(const transaction&) = delete;
        transaction& operator=(const transaction&) = delete;
        void commit();

    private:
        storage* storage_;
    };

private:
    class implementation;
    std::unique_ptr<implementation> impl_;
};

} // namespace azkv::emulation
