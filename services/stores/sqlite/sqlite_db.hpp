#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace qck::sqlite {

/// A prepared statement. Positions of parameters count from 1, those of columns from 0 (as in
/// SQLite). Not thread-safe; lives no longer than its Db.
class Statement {
public:
    Statement() = default;

    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::uint64_t value) {
        return bind(index, static_cast<std::int64_t>(value));
    }
    Statement& bind(int index, int value) { return bind(index, static_cast<std::int64_t>(value)); }
    Statement& bind(int index, double value);
    /// The bytes are not copied: they must live until the statement was stepped and reset.
    Statement& bind(int index, std::string_view text);
    Statement& bind_null(int index);
    template <class T>
    Statement& bind(int index, const std::optional<T>& value) {
        return value ? bind(index, static_cast<std::int64_t>(*value)) : bind_null(index);
    }

    /// True when there is a row to read, false at the end. Errc::conflict for a violated
    /// constraint.
    Result<bool> step();
    /// step() until the end, then reset(); for statements that give no rows.
    Result<void> run();
    /// Calls `use(*this)` for each row that is left.
    template <class Use>
    Result<void> each_row(Use&& use) {
        while (true) {
            const auto row = step();
            if (!row) return row.error();
            if (!*row) return {};
            use(*this);
        }
    }
    /// Ready to be stepped again; bindings are cleared.
    void reset();

    std::int64_t integer(int column) const;
    double real(int column) const;
    /// Views live until the next step() or reset().
    std::string_view text(int column) const;
    std::string_view blob(int column) const;
    bool is_null(int column) const;

private:
    friend class Db;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Resets a cached statement when it goes out of scope, so that no read lock stays behind.
class StatementScope {
public:
    explicit StatementScope(Statement& statement) : statement_(&statement) {}
    StatementScope(const StatementScope&) = delete;
    StatementScope& operator=(const StatementScope&) = delete;
    ~StatementScope() { statement_->reset(); }
    Statement* operator->() const { return statement_; }
    Statement& operator*() const { return *statement_; }

private:
    Statement* statement_;
};

enum class OpenMode : std::uint8_t { create, read_write, read_only };

struct DbOptions {
    OpenMode mode = OpenMode::create;
    /// How long a statement waits for another connection's lock before Errc::unavailable.
    std::chrono::milliseconds busy_timeout{10'000};
    /// Memory for pages of this connection; the kernel's page cache holds the rest.
    std::size_t page_cache_bytes = 2 * 1024 * 1024;
    /// false: a commit survives kill -9 (synchronous=NORMAL); true: also a power cut (FULL).
    bool sync_every_commit = false;
};

/// One connection to an SQLite file in WAL mode. Not thread-safe: one thread at a time.
/// Errors say the file and what to do; a full disk, a read-only directory, a lock held too long and
/// a corrupt file each have their own text.
class Db {
public:
    static Result<Db> open(const std::filesystem::path& file, const DbOptions& options = {});
    Db(Db&&) noexcept = default;
    Db& operator=(Db&&) noexcept = default;

    Result<Statement> prepare(std::string_view sql);
    /// A statement prepared once and kept; `sql` must be a string literal (kept by its address).
    /// Wrap it in a StatementScope.
    Result<Statement*> cached(const char* sql);
    /// Runs every statement of `sql`; rows are dropped.
    Result<void> execute(const char* sql);

    Result<void> begin();  ///< BEGIN IMMEDIATE: the write lock is taken here, not in the middle
    Result<void> commit();
    void rollback();  ///< also when no transaction is open

    /// Commits no longer fold a log that has become long back into the file: whoever asks for this
    /// has checkpoint() called.
    void keep_log();
    /// Pages of the log after the last commit that wrote any; 0 where none did since this was asked
    /// before, or since keep_log().
    int take_log_pages() { return log_pages_ ? std::exchange(*log_pages_, 0) : 0; }
    /// Folds as much of the log into the file as can be without waiting for anyone but the disk,
    /// and returns how many of its pages that is, counted from its start.
    Result<int> checkpoint();

    /// Rows changed by the last INSERT, UPDATE or DELETE.
    std::int64_t changes() const;
    const std::string& path() const { return path_; }

private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    Db(std::unique_ptr<sqlite3, Close> handle, std::string path)
        : handle_(std::move(handle)), path_(std::move(path)) {}

    std::unique_ptr<int> log_pages_;  ///< written by a hook of the handle's, which has its address
    std::unique_ptr<sqlite3, Close> handle_;
    std::string path_;
    std::map<const char*, Statement> statements_;  ///< destroyed before handle_
};

}  // namespace qck::sqlite
