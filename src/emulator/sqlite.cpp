#include "emulator/sqlite.hpp"

#include <sqlite3.h>

namespace azkv::emulation::sqlite {

namespace {

// SQLite binds a null pointer as NULL.
const char* not_null(std::string_view text) {
    return text.data() ? text.data() : "";
}

} // namespace

database::database(const std::string& path) {
    sqlite3* opened = nullptr; // set even on failure, for the message
    constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int result = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
    handle_.reset(opened);
    if (result != SQLITE_OK) fail();
}

void database::execute(const std::string& sql) {
    if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

bool database::in_transaction() const noexcept {
    return sqlite3_get_autocommit(handle()) == 0;
}

std::int64_t database::changes() const noexcept {
    return sqlite3_changes64(handle());
}

void database::fail() const {
    throw error(sqlite3_errcode(handle()), std::string("SQLite: ") + sqlite3_errmsg(handle()));
}

void database::closer::operator()(sqlite3* handle) const noexcept {
    sqlite3_close(handle);
}

statement::statement(const database& owner, std::string_view sql) : owner_(&owner) {
    sqlite3_stmt* prepared = nullptr;
    const int result = sqlite3_prepare_v3(owner.handle(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    handle_.reset(prepared);
    if (result != SQLITE_OK) owner.fail();
}

void statement::finalizer::operator()(sqlite3_stmt* handle) const noexcept {
    sqlite3_finalize(handle);
}

bool execution::step() {
    const int result = sqlite3_step(statement_->handle());
    if (result != SQLITE_ROW && result != SQLITE_DONE) statement_->owner().fail();
    return result == SQLITE_ROW;
}

std::int64_t execution::integer(int column) const {
    return sqlite3_column_int64(statement_->handle(), column);
}

std::string_view execution::bytes(int column) const {
    const void* const data =
        sqlite3_column_blob(statement_->handle(), column); // must precede the call for its size
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_->handle(), column));
    return {static_cast<const char*>(data), size};
}

void execution::bind(int index, std::int64_t value) {
    check(sqlite3_bind_int64(statement_->handle(), index, value));
}

void execution::bind(int index, std::string_view text) {
    check(sqlite3_bind_text64(statement_->handle(), index, not_null(text), text.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
}

void execution::bind(int index, blob value) {
    check(sqlite3_bind_blob64(statement_->handle(), index, not_null(value.bytes), value.bytes.size(),
                              SQLITE_STATIC));
}

void execution::check(int result) const {
    if (result != SQLITE_OK) statement_->owner().fail();
}

void execution::reset() noexcept {
    sqlite3_reset(statement_->handle()); // returns the error that `step` has reported
    sqlite3_clear_bindings(statement_->handle());
}

} // namespace azkv::emulation::sqlite
