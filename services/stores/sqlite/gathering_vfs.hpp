#pragma once

namespace qck::sqlite {

/// The name of a VFS of SQLite, registered by the first call, that writes the frames of a
/// transaction to the write-ahead log together. Thread-safe.
///
/// SQLite writes each frame in two pieces, its header of 24 bytes and its page: two system calls a
/// page. Here they gather in memory (up to 256 KB) and leave in one. All else is the platform's own
/// VFS (https://www.sqlite.org/vfs.html), of which this stands in front of `-wal` files alone.
///
/// What a commit promises is unchanged. The last frame of a transaction carries the size of the
/// database in its header, other frames 0 there (https://www.sqlite.org/fileformat2.html, section
/// 4.1): with the page of that frame all that was gathered is written, and that write fails where
/// one of the log would have. So nothing of a transaction is still held back when SQLite says in
/// the shared index that it is there, and when COMMIT returns. Reading, syncing, truncating or
/// closing the log, and writing anywhere but at its end, writes what was gathered first.
///
/// Null when SQLite has no VFS to stand in front of.
const char* gathering_vfs();

}  // namespace qck::sqlite
