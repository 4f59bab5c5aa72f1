#include "services/stores/sqlite/sqlite_db.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <system_error>

#include "services/stores/sqlite/gathering_vfs.hpp"

namespace qck::sqlite {
namespace {

Error describe(sqlite3* handle, std::string_view path, int code) {
    const std::string database = "database " + std::string(path);
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return error(Errc::unavailable,
                         database + " is locked by another program (stop it, or try again)");
        case SQLITE_FULL:
            return error(Errc::unavailable, database + ": the disk is full (free some space)");
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return error(Errc::io, database +
                                       " is read-only (make the file and its directory writable, "
                                       "or set --data-dir)");
        case SQLITE_CANTOPEN: {
            std::string reason = sqlite3_errmsg(handle);
            if (const int system = sqlite3_system_errno(handle); system != 0) {
                reason = std::generic_category().message(system);
            }
            return error(Errc::io, "cannot open " + database + ": " + reason);
        }
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return error(Errc::corrupt, database + " is damaged: " + sqlite3_errmsg(handle) +
                                            " (restore it, or move it away to start empty)");
        case SQLITE_CONSTRAINT:
            return error(Errc::conflict, database + ": " + sqlite3_errmsg(handle));
        case SQLITE_IOERR: {
            const int system = sqlite3_system_errno(handle);
            if (system == ENOSPC || system == EDQUOT) {
                return error(Errc::unavailable, database + ": the disk is full (free some space)");
            }
            return error(Errc::io, database + ": " +
                                       (system != 0 ? std::generic_category().message(system)
                                                    : std::string(sqlite3_errmsg(handle))));
        }
        default:
            return error(Errc::internal, database + ": " + sqlite3_errmsg(handle));
    }
}

Error describe(sqlite3_stmt* statement, int code) {
    sqlite3* handle = sqlite3_db_handle(statement);
    const char* path = sqlite3_db_filename(handle, "main");
    return describe(handle, path != nullptr ? path : "", code);
}

int open_flags(OpenMode mode) {
    switch (mode) {
        case OpenMode::create:
            return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        case OpenMode::read_write:
            return SQLITE_OPEN_READWRITE;
        case OpenMode::read_only:
            break;
    }
    return SQLITE_OPEN_READONLY;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, double value) {
    sqlite3_bind_double(statement_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    // A null pointer would bind NULL, which an empty view is not.
    sqlite3_bind_text64(statement_.get(), index, text.data() == nullptr ? "" : text.data(),
                        text.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_null(int index) {
    sqlite3_bind_null(statement_.get(), index);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return describe(statement_.get(), code);
}

Result<void> Statement::run() {
    while (true) {
        auto more = step();
        if (!more || !*more) {
            reset();
            if (!more) return more.error();
            return {};
        }
    }
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string_view Statement::text(int column) const {
    const auto* bytes = sqlite3_column_text(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::string_view Statement::blob(int column) const {
    const auto* bytes = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Db::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Db> Db::open(const std::filesystem::path& file, const DbOptions& options) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(
        file.c_str(), &raw, open_flags(options.mode) | SQLITE_OPEN_NOMUTEX, gathering_vfs());
    Db db(std::unique_ptr<sqlite3, Close>(raw), file.string());
    if (raw == nullptr) return error(Errc::internal, "out of memory opening " + db.path_);
    if (code != SQLITE_OK) return describe(raw, db.path_, code);
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, static_cast<int>(options.busy_timeout.count()));

    std::string setup = "PRAGMA cache_size=-" + std::to_string(options.page_cache_bytes / 1024) +
                        ";PRAGMA temp_store=MEMORY;PRAGMA foreign_keys=OFF;";
    if (options.mode != OpenMode::read_only) {
        // WAL lets readers go on while one connection writes. The log is folded back every 16 MB,
        // or as keep_log() says.
        setup +=
            "PRAGMA journal_mode=WAL;PRAGMA wal_autocheckpoint=4000;"
            "PRAGMA journal_size_limit=67108864;";
        setup +=
            options.sync_every_commit ? "PRAGMA synchronous=FULL;" : "PRAGMA synchronous=NORMAL;";
    }
    if (auto done = db.execute(setup.c_str()); !done) return done.error();
    return db;
}

Result<Statement> Db::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return describe(handle_.get(), path_, code);
    return Statement(statement);
}

Result<Statement*> Db::cached(const char* sql) {
    const auto known = statements_.find(sql);
    if (known != statements_.end()) return &known->second;
    auto prepared = prepare(sql);
    if (!prepared) return prepared.error();
    return &statements_.emplace(sql, std::move(*prepared)).first->second;
}

Result<void> Db::execute(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return describe(handle_.get(), path_, code);
    return {};
}

namespace {
Result<void> run_cached(Db& db, const char* sql) {
    auto statement = db.cached(sql);
    if (!statement) return statement.error();
    return (*statement)->run();
}
}  // namespace

Result<void> Db::begin() { return run_cached(*this, "BEGIN IMMEDIATE"); }

Result<void> Db::commit() { return run_cached(*this, "COMMIT"); }

void Db::rollback() {
    if (sqlite3_get_autocommit(handle_.get()) == 0) {
        sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

void Db::keep_log() {
    if (!log_pages_) log_pages_ = std::make_unique<int>(0);
    sqlite3_wal_hook(
        handle_.get(),
        [](void* pages, sqlite3*, const char*, int count) {
            *static_cast<int*>(pages) = count;
            return SQLITE_OK;
        },
        log_pages_.get());
}

Result<int> Db::checkpoint() {
    int folded = 0;
    const int code = sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                               nullptr, &folded);
    if (code != SQLITE_OK) return describe(handle_.get(), path_, code);
    return folded;
}

std::int64_t Db::changes() const { return sqlite3_changes64(handle_.get()); }

}  // namespace qck::sqlite
