#include "services/stores/sqlite/gathering_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace qck::sqlite {
namespace {

constexpr std::size_t gathered_bytes_max = 256 * 1024;
/// SQLite never asks its VFS for more at a time; that of Unix takes a length modulo 128 KB.
constexpr std::size_t piece_bytes_max = 64 * 1024;
constexpr int frame_header_bytes = 24;
constexpr const char* vfs_name = "qck-gathering";

/// A log, as SQLite holds it: `sqlite3_file` first, and the platform's own file behind it all.
struct LogFile {
    sqlite3_file base;
    sqlite3_file* real;
    std::vector<char>* gathered;  ///< contiguous bytes that are still to be written
    sqlite3_int64 gathered_at;    ///< where they belong
    sqlite3_int64 end;            ///< behind what was written or gathered last
    bool page_comes;              ///< a frame's header was gathered, and its page was not yet
    bool commits;                 ///< that frame is the last of its transaction
};

LogFile& log_of(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file); }

/// What cannot be written is dropped: the transaction it belongs to fails with this.
int write_gathered(LogFile& log) {
    log.page_comes = false;
    if (log.gathered->empty()) return SQLITE_OK;
    int code = SQLITE_OK;
    for (std::size_t done = 0; code == SQLITE_OK && done < log.gathered->size();) {
        const std::size_t piece = std::min(log.gathered->size() - done, piece_bytes_max);
        code = log.real->pMethods->xWrite(log.real, log.gathered->data() + done,
                                          static_cast<int>(piece),
                                          log.gathered_at + static_cast<sqlite3_int64>(done));
        done += piece;
    }
    log.gathered->clear();
    return code;
}

int gather(LogFile& log, const char* bytes, int count, sqlite3_int64 at) {
    if (log.gathered->empty()) log.gathered_at = at;
    try {
        log.gathered->insert(log.gathered->end(), bytes, bytes + count);
    } catch (const std::bad_alloc&) {
        return SQLITE_IOERR_NOMEM;
    }
    log.end = at + count;
    return SQLITE_OK;
}

bool is_of_commit(const char* header) {
    const char none[4] = {};
    return std::memcmp(header + 4, none, sizeof none) != 0;
}

int log_write(sqlite3_file* file, const void* data, int count, sqlite3_int64 at) {
    LogFile& log = log_of(file);
    const auto* const bytes = static_cast<const char*>(data);
    if (at == log.end && log.page_comes) {
        if (const int code = gather(log, bytes, count, at); code != SQLITE_OK) return code;
        log.page_comes = false;
        const bool full = log.gathered->size() >= gathered_bytes_max;
        return log.commits || full ? write_gathered(log) : SQLITE_OK;
    }
    if (at == log.end && count == frame_header_bytes) {
        if (const int code = gather(log, bytes, count, at); code != SQLITE_OK) return code;
        log.page_comes = true;
        log.commits = is_of_commit(bytes);
        return SQLITE_OK;
    }
    // The log's own header, a frame written again in its place, or the first after such.
    if (const int code = write_gathered(log); code != SQLITE_OK) return code;
    log.end = at + count;
    return log.real->pMethods->xWrite(log.real, data, count, at);
}

int log_read(sqlite3_file* file, void* data, int count, sqlite3_int64 at) {
    LogFile& log = log_of(file);
    if (const int code = write_gathered(log); code != SQLITE_OK) return code;
    return log.real->pMethods->xRead(log.real, data, count, at);
}

int log_truncate(sqlite3_file* file, sqlite3_int64 bytes) {
    LogFile& log = log_of(file);
    if (const int code = write_gathered(log); code != SQLITE_OK) return code;
    return log.real->pMethods->xTruncate(log.real, bytes);
}

int log_sync(sqlite3_file* file, int flags) {
    LogFile& log = log_of(file);
    if (const int code = write_gathered(log); code != SQLITE_OK) return code;
    return log.real->pMethods->xSync(log.real, flags);
}

int log_size(sqlite3_file* file, sqlite3_int64* bytes) {
    LogFile& log = log_of(file);
    if (const int code = write_gathered(log); code != SQLITE_OK) return code;
    return log.real->pMethods->xFileSize(log.real, bytes);
}

int log_close(sqlite3_file* file) {
    LogFile& log = log_of(file);
    const int written = write_gathered(log);
    delete log.gathered;
    const int closed = log.real->pMethods->xClose(log.real);
    return written != SQLITE_OK ? written : closed;
}

int log_lock(sqlite3_file* file, int level) {
    sqlite3_file* const real = log_of(file).real;
    return real->pMethods->xLock(real, level);
}
int log_unlock(sqlite3_file* file, int level) {
    sqlite3_file* const real = log_of(file).real;
    return real->pMethods->xUnlock(real, level);
}
int log_reserved(sqlite3_file* file, int* reserved) {
    sqlite3_file* const real = log_of(file).real;
    return real->pMethods->xCheckReservedLock(real, reserved);
}
int log_control(sqlite3_file* file, int operation, void* argument) {
    sqlite3_file* const real = log_of(file).real;
    return real->pMethods->xFileControl(real, operation, argument);
}
int log_sector_bytes(sqlite3_file* file) {
    sqlite3_file* const real = log_of(file).real;
    return real->pMethods->xSectorSize(real);
}
int log_device(sqlite3_file* file) {
    sqlite3_file* const real = log_of(file).real;
    return real->pMethods->xDeviceCharacteristics(real);
}

/// Of version 1: shared memory and mapping are of the database file, never of a log.
const sqlite3_io_methods log_methods = [] {
    sqlite3_io_methods methods{};
    methods.iVersion = 1;
    methods.xClose = log_close;
    methods.xRead = log_read;
    methods.xWrite = log_write;
    methods.xTruncate = log_truncate;
    methods.xSync = log_sync;
    methods.xFileSize = log_size;
    methods.xLock = log_lock;
    methods.xUnlock = log_unlock;
    methods.xCheckReservedLock = log_reserved;
    methods.xFileControl = log_control;
    methods.xSectorSize = log_sector_bytes;
    methods.xDeviceCharacteristics = log_device;
    return methods;
}();

sqlite3_vfs* platform_vfs(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
    sqlite3_vfs* const platform = platform_vfs(vfs);
    if ((flags & SQLITE_OPEN_WAL) == 0) {
        return platform->xOpen(platform, name, file, flags, flags_out);
    }
    LogFile& log = log_of(file);
    log = {};
    log.real = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(LogFile));
    log.end = -1;  // not known: what is written first is written at once
    const int code = platform->xOpen(platform, name, log.real, flags, flags_out);
    if (code != SQLITE_OK) return code;
    log.gathered = new (std::nothrow) std::vector<char>;
    if (log.gathered == nullptr) {
        log.real->pMethods->xClose(log.real);
        return SQLITE_NOMEM;
    }
    log.base.pMethods = &log_methods;
    return SQLITE_OK;
}

bool register_vfs() {
    sqlite3_vfs* const platform = sqlite3_vfs_find(nullptr);
    if (platform == nullptr) return false;
    // What it has besides files (names, time, randomness) is called with this copy in its place,
    // which differs from it in what it opens alone.
    static sqlite3_vfs vfs = *platform;
    vfs.zName = vfs_name;
    vfs.pAppData = platform;
    vfs.pNext = nullptr;
    vfs.szOsFile = static_cast<int>(sizeof(LogFile)) + platform->szOsFile;
    vfs.xOpen = open_file;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

}  // namespace

const char* gathering_vfs() {
    static const bool registered = register_vfs();
    return registered ? vfs_name : nullptr;
}

}  // namespace qck::sqlite
