#include "emulator/storage.hpp"

#include "emulator/sqlite.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <sqlite3.h>
#include <stdexcept>
#include <utility>

namespace azkv::emulation {

namespace {

using sqlite::blob;
using sqlite::database;
using sqlite::execution;
using sqlite::run;
using sqlite::statement;

constexpr std::int64_t application_id = 0x617A6B76; // "azkv"
constexpr std::int64_t schema_version = 1;
constexpr const char* file_name = "tables.db";

// The index by table contains the ids, which are the order of the first writes. A table without a name is
// being deleted. Table names are compared with SQLite's NOCASE, which folds only ASCII. The clock is set 100
// ms ahead, so that few writes have to set it.
constexpr const char* schema = R"(
    CREATE TABLE tables(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT,
        access_policies TEXT NOT NULL DEFAULT '') STRICT;
    CREATE UNIQUE INDEX tables_by_name ON tables(name COLLATE NOCASE, name);

    CREATE TABLE entities(
        id INTEGER PRIMARY KEY,
        table_id INTEGER NOT NULL,
        partition_key BLOB NOT NULL,
        row_key BLOB NOT NULL,
        timestamp INTEGER NOT NULL,
        properties TEXT NOT NULL) STRICT;
    CREATE UNIQUE INDEX entities_by_key ON entities(table_id, partition_key, row_key);
    CREATE INDEX entities_by_table ON entities(table_id);

    CREATE TABLE settings(name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;

    CREATE TABLE clock(last_timestamp INTEGER NOT NULL) STRICT;
    INSERT INTO clock VALUES(0);
    CREATE TRIGGER written AFTER INSERT ON entities
        WHEN new.timestamp > (SELECT last_timestamp FROM clock) BEGIN
        UPDATE clock SET last_timestamp = new.timestamp + 1000000;
    END;
    CREATE TRIGGER rewritten AFTER UPDATE ON entities
        WHEN new.timestamp > (SELECT last_timestamp FROM clock) BEGIN
        UPDATE clock SET last_timestamp = new.timestamp + 1000000;
    END;
)";

std::int64_t number(const database& db, std::string_view sql) {
    statement s(db, sql);
    execution e(s);
    return e.step() ? e.integer(0) : 0;
}

// The range of a scan, in sort keys.
class bounds {
public:
    explicit bounds(const key_range& keys) {
        if (keys.partition_key) {
            first_ = {sort_key(*keys.partition_key), sort_key(keys.first_row_key)};
            last_partition_key_ = first_.first;
            if (keys.last_row_key) last_row_key_ = sort_key(*keys.last_row_key);
        } else {
            first_.first = sort_key(keys.first_partition_key);
            if (keys.last_partition_key) last_partition_key_ = sort_key(*keys.last_partition_key);
        }
    }

    const std::pair<std::string, std::string>& first() const { return first_; }

    void begin_at(const std::pair<std::string, std::string>& keys) {
        first_ = std::max(first_, {sort_key(keys.first), sort_key(keys.second)});
    }

    bool is_before(std::string_view partition_key, std::string_view row_key) const {
        if (partition_key != first_.first) return partition_key < first_.first;
        return row_key < first_.second;
    }

    bool is_behind(std::string_view partition_key, std::string_view row_key) const {
        if (!last_partition_key_) return false;
        if (partition_key != *last_partition_key_) return partition_key > *last_partition_key_;
        return last_row_key_ && row_key > *last_row_key_;
    }

private:
    std::pair<std::string, std::string> first_;
    std::optional<std::string> last_partition_key_;
    std::optional<std::string> last_row_key_;
};

// The columns of a scan.
record read_record(const execution& e) {
    record r;
    r.partition_key = text_of_sort_key(e.bytes(0));
    r.row_key = text_of_sort_key(e.bytes(1));
    r.position = e.integer(2);
    r.timestamp = e.integer(3);
    r.properties = e.bytes(4);
    return r;
}

bool is_one_key(const key_range& keys) {
    return keys.partition_key && keys.last_row_key == keys.first_row_key;
}

} // namespace

class storage::implementation {
public:
    explicit implementation(database opened) : db(std::move(opened)) { finish_deletions(); }

    // In several steps, because SQLite keeps the rows of one step in memory for a rollback.
    void delete_rows(table_id table) {
        do run(erase_some, table);
        while (db.changes() > 0);
        run(forget_table, table);
    }

    database db; // must precede its statements

    statement begin{db, "BEGIN IMMEDIATE"};
    statement commit{db, "COMMIT"};
    statement rollback{db, "ROLLBACK"};

    statement create_table{db, "INSERT INTO tables(name) VALUES(?1)"};
    statement find_table{db, "SELECT id FROM tables WHERE name = ?1 COLLATE NOCASE AND (?2 = 0 OR name = ?1)"
                             " ORDER BY name LIMIT 1"};
    statement unname_table{db, "UPDATE tables SET name = NULL WHERE id = ?1"};
    statement forget_table{db, "DELETE FROM tables WHERE id = ?1"};
    statement erase_some{
        db, "DELETE FROM entities WHERE id IN (SELECT id FROM entities WHERE table_id = ?1 LIMIT 500)"};
    statement tables{db, "SELECT name FROM tables WHERE (name COLLATE NOCASE, name) >= (?1, ?1)"
                         " ORDER BY name COLLATE NOCASE, name LIMIT ?2"};
    statement setting{db, "SELECT text FROM settings WHERE name = ?1"};
    statement set_setting{db, "INSERT INTO settings VALUES(?1, ?2)"
                              " ON CONFLICT(name) DO UPDATE SET text = excluded.text"};
    statement access_policies{db, "SELECT access_policies FROM tables WHERE id = ?1"};
    statement set_access_policies{db, "UPDATE tables SET access_policies = ?2 WHERE id = ?1"};

    statement find{db, "SELECT partition_key, row_key, id, timestamp, properties FROM entities"
                       " WHERE table_id = ?1 AND partition_key = ?2 AND row_key = ?3"};
    statement put{db, "INSERT INTO entities(table_id, partition_key, row_key, timestamp, properties)"
                      " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(table_id, partition_key, row_key)"
                      " DO UPDATE SET timestamp = excluded.timestamp, properties = excluded.properties"};
    statement erase{db, "DELETE FROM entities WHERE table_id = ?1 AND partition_key = ?2 AND row_key = ?3"};
    statement scan{db, "SELECT partition_key, row_key, id, timestamp, properties"
                       " FROM entities INDEXED BY entities_by_key"
                       " WHERE table_id = ?1 AND (partition_key, row_key) >= (?2, ?3)"
                       " ORDER BY partition_key, row_key"};
    statement scan_unsorted{db, "SELECT partition_key, row_key, id, timestamp, properties"
                                " FROM entities INDEXED BY entities_by_table"
                                " WHERE table_id = ?1 AND id >= ?2 ORDER BY id"};
    statement last_timestamp{db, "SELECT last_timestamp FROM clock"};

private:
    // Completes deletions that the end of a process has interrupted.
    void finish_deletions() {
        statement unnamed(db, "SELECT id FROM tables WHERE name IS NULL");
        std::vector<table_id> found;
        for (execution e(unnamed); e.step();) found.push_back(e.integer(0));
        for (const table_id table : found) delete_rows(table);
    }
};

namespace {

// Holds the lock until the database is closed: opening it again, in any process, fails as busy.
void lock(database& db) {
    db.execute("PRAGMA locking_mode = EXCLUSIVE;"
               "PRAGMA temp_store = MEMORY;"
               "PRAGMA secure_delete = OFF;"
               "BEGIN EXCLUSIVE; COMMIT");
}

void prepare(database& db) {
    // Committed data is in the operating system's cache: it survives any end of the process, but not always a
    // power failure.
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384");
    if (number(db, "PRAGMA user_version") == schema_version) return;
    db.execute(std::string("BEGIN IMMEDIATE;") + schema
               + "PRAGMA application_id = " + std::to_string(application_id)
               + "; PRAGMA user_version = " + std::to_string(schema_version) + "; COMMIT");
}

// Throws if the database belongs to another program; does not change it.
void check_owner(const database& db, const std::string& path) {
    const auto owner = number(db, "PRAGMA application_id");
    const auto version = number(db, "PRAGMA user_version");
    const bool is_new = owner == 0 && version == 0 && number(db, "SELECT count(*) FROM sqlite_schema") == 0;
    if (is_new) return;
    if (owner != application_id)
        throw std::runtime_error('"' + path + "\" is not a database of the emulator");
    if (version != schema_version)
        throw std::runtime_error('"' + path + "\" has version " + std::to_string(version)
                                 + " of the emulator's database format; this emulator needs version "
                                 + std::to_string(schema_version));
}

database open(const std::string& directory) {
    std::string path = ":memory:";
    if (!directory.empty()) {
        std::filesystem::create_directories(directory);
        // An absolute path, because SQLite reads a name that begins with `file:` as a URI.
        path = (std::filesystem::absolute(directory) / file_name).string();
    }
    try {
        database db(path);
        lock(db);
        check_owner(db, path);
        prepare(db);
        return db;
    } catch (const sqlite::error& e) {
        if (e.code() == SQLITE_BUSY)
            throw std::runtime_error("the directory \"" + directory + "\" is in use by another emulator");
        throw std::runtime_error("cannot open \"" + path + "\": " + e.what());
    }
}

} // namespace

storage::storage(const std::string& directory) : impl_(std::make_unique<implementation>(open(directory))) {}

storage::~storage() = default;

bool storage::is_in(const std::string& directory) {
    return std::filesystem::exists(std::filesystem::path(directory) / file_name);
}

bool storage::create_table(std::string_view name, bool case_sensitive) {
    if (find_table(name, case_sensitive)) return false;
    run(impl_->create_table, name);
    return true;
}

std::optional<storage::table_id> storage::find_table(std::string_view name, bool case_sensitive) {
    execution e(impl_->find_table, name, std::int64_t{case_sensitive});
    return e.step() ? std::optional(e.integer(0)) : std::nullopt;
}

void storage::delete_table(table_id table) {
    run(impl_->unname_table, table); // deleted from here on, even if the next process completes it
    impl_->delete_rows(table);
}

std::vector<std::string> storage::tables(std::string_view from, std::size_t at_most) {
    constexpr auto all = std::numeric_limits<std::int64_t>::max();
    const auto limit = static_cast<std::int64_t>(std::min<std::uint64_t>(at_most, all));
    std::vector<std::string> names;
    for (execution e(impl_->tables, from, limit); e.step();) names.emplace_back(e.bytes(0));
    return names;
}

std::string storage::setting(std::string_view name) {
    execution e(impl_->setting, name);
    return e.step() ? std::string(e.bytes(0)) : std::string();
}

void storage::set_setting(std::string_view name, std::string_view text) {
    run(impl_->set_setting, name, text);
}

std::string storage::access_policies(table_id table) {
    execution e(impl_->access_policies, table);
    return e.step() ? std::string(e.bytes(0)) : std::string();
}

void storage::set_access_policies(table_id table, std::string_view text) {
    run(impl_->set_access_policies, table, text);
}

std::optional<record> storage::find(table_id table, std::string_view partition_key,
                                    std::string_view row_key) {
    const std::string first = sort_key(partition_key), second = sort_key(row_key);
    execution e(impl_->find, table, blob(first), blob(second));
    return e.step() ? std::optional(read_record(e)) : std::nullopt;
}

void storage::put(table_id table, const record& r) {
    run(impl_->put, table, blob(sort_key(r.partition_key)), blob(sort_key(r.row_key)), r.timestamp,
        r.properties);
}

void storage::erase(table_id table, std::string_view partition_key, std::string_view row_key) {
    run(impl_->erase, table, blob(sort_key(partition_key)), blob(sort_key(row_key)));
}

void storage::scan(table_id table, const key_range& keys,
                   const std::optional<std::pair<std::string, std::string>>& from,
                   const std::function<bool(record&&)>& visit) {
    bounds range(keys);
    if (from) range.begin_at(*from);
    const auto& [partition_key, row_key] = range.first();
    execution e(impl_->scan, table, blob(partition_key), blob(row_key));
    while (e.step() && !range.is_behind(e.bytes(0), e.bytes(1)) && visit(read_record(e))) continue;
}

void storage::scan_unsorted(table_id table, const key_range& keys, std::int64_t from,
                            const std::function<bool(record&&)>& visit) {
    if (is_one_key(keys)) {
        auto found = find(table, *keys.partition_key, keys.first_row_key);
        if (found && found->position >= from) visit(std::move(*found));
        return;
    }
    const bounds range(keys);
    execution e(impl_->scan_unsorted, table, from);
    while (e.step()) {
        const std::string_view partition_key = e.bytes(0), row_key = e.bytes(1);
        if (range.is_before(partition_key, row_key) || range.is_behind(partition_key, row_key)) continue;
        if (!visit(read_record(e))) return;
    }
}

std::int64_t storage::last_timestamp() {
    execution e(impl_->last_timestamp);
    return e.step() ? e.integer(0) : 0;
}

storage::transaction::transaction(storage& s) : storage_(&s) {
    run(s.impl_->begin);
}

storage::transaction::~transaction() {
    if (!storage_ || !storage_->impl_->db.in_transaction()) return; // SQLite rolls back some failures itself
    try {
        run(storage_->impl_->rollback);
    } catch (const sqlite::error&) {
        // SQLite rolls back when the database is closed.
    }
}

void storage::transaction::commit() {
    run(storage_->impl_->commit);
    storage_ = nullptr;
}

} // namespace azkv::emulation
