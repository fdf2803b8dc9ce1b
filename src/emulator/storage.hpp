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

/// An entity as it is kept.
class record {
public:
    std::string partition_key; // UTF-8
    std::string row_key;
    std::int64_t timestamp = 0; // in ticks; the next write's is always greater
    std::string properties;     // as the service's JSON writes them, with their types: `"a":1,"b":"x"`
    std::int64_t position = 0;  // in the order of the first writing of all; set by storage
};

/// Tables and entities in an SQLite database, in memory or in a file. One thread at a time.
class storage {
public:
    using table_id = std::int64_t;

    /// In `directory`, which is made if it is missing, or in memory if that is empty. Throws
    /// `std::runtime_error` if that cannot be opened, or another process has it.
    explicit storage(const std::string& directory);
    ~storage();
    storage(const storage&) = delete;
    storage& operator=(const storage&) = delete;

    /// Names of tables are the same if they differ in case only, unless `case_sensitive`.
    bool create_table(std::string_view name, bool case_sensitive); // false: there is one
    std::optional<table_id> find_table(std::string_view name, bool case_sensitive);
    /// With all that is in it, piece by piece, so not within a transaction. If the process ends in between,
    /// the next one to open the directory finishes it.
    void delete_table(table_id);
    /// In the order of their names in lower case, then of their names, from that one on (inclusive).
    std::vector<std::string> tables(std::string_view from, std::size_t at_most);

    /// A text that is kept for all of it; empty at first.
    std::string setting(std::string_view name);
    void set_setting(std::string_view name, std::string_view text);

    /// The stored access policies of a table: a text that is kept for it; empty at first.
    std::string access_policies(table_id);
    void set_access_policies(table_id, std::string_view text);

    std::optional<record> find(table_id, std::string_view partition_key, std::string_view row_key);
    void put(table_id, const record&); // in place of the one with its keys, if there is one
    void erase(table_id, std::string_view partition_key, std::string_view row_key);

    /// Calls `visit` for the records within the range in the order of their keys, from `from` on (inclusive;
    /// a partition key and a row key), until it returns false. `visit` neither writes nor scans.
    void scan(table_id, const key_range&, const std::optional<std::pair<std::string, std::string>>& from,
              const std::function<bool(record&&)>& visit);

    /// The same in the order in which they were first written, from a position on.
    void scan_unsorted(table_id, const key_range&, std::int64_t from,
                       const std::function<bool(record&&)>& visit);

    /// Not less than the timestamp of any record ever kept, nor more than 100 ms above the greatest.
    std::int64_t last_timestamp();

    /// All writes during its life, or none: without `commit` they are undone. Not nested. On disk by the
    /// end of `commit`, for whatever happens to the process.
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
