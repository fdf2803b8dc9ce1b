// A thin C++ interface to SQLite.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace azkv::emulation::sqlite {

class error final : public std::runtime_error {
public:
    error(int code, const std::string& message) : std::runtime_error(message), code_(code) {}

    int code() const noexcept { return code_; }

private:
    int code_;
};

class database {
public:
    /// Opens a file, which is created if it does not exist, or `:memory:`.
    explicit database(const std::string& path);

    /// Executes statements without results.
    void execute(const std::string& sql);

    bool in_transaction() const noexcept;

    std::int64_t changes() const noexcept; // rows changed by the last statement

    [[noreturn]] void fail() const; // throws the error of the last call

    sqlite3* handle() const noexcept { return handle_.get(); }

private:
    struct closer {
        void operator()(sqlite3*) const noexcept;
    };

    std::unique_ptr<sqlite3, closer> handle_;
};

/// A prepared statement. The database must outlive it.
class statement {
public:
    statement(const database&, std::string_view sql);

    sqlite3_stmt* handle() const noexcept { return handle_.get(); }

    const database& owner() const noexcept { return *owner_; }

private:
    struct finalizer {
        void operator()(sqlite3_stmt*) const noexcept;
    };

    const database* owner_;
    std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

class blob {
public:
    explicit blob(std::string_view bytes) : bytes(bytes) {}

    std::string_view bytes;
};

/// One execution of a statement, which is reset at the end. Does not copy texts and blobs, which must outlive
/// it.
class execution {
public:
    explicit execution(statement& s) : statement_(&s) {}

    template <class First, class... Rest>
    explicit execution(statement& s, const First& first, const Rest&... rest) : execution(s) {
        int index = 0;
        bind(++index, first);
        (bind(++index, rest), ...);
    }

    ~execution() { reset(); }

    execution(const execution&) = delete;
    execution& operator=(const execution&) = delete;

    /// Returns whether there is another row.
    bool step();

    std::int64_t integer(int column) const;
    std::string_view bytes(int column) const; // valid until the next step

private:
    void bind(int index, std::int64_t);
    void bind(int index, std::string_view text);
    void bind(int index, blob);
    void check(int result) const;
    void reset() noexcept;

    statement* statement_;
};

/// Executes a statement and ignores its rows.
template <class... Values>
void run(statement& s, const Values&... values) {
    execution(s, values...).step();
}

} // namespace azkv::emulation::sqlite
