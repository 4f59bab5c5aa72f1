#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "services/stores/sqlite/sqlite_db.hpp"

namespace qck::sqlite {

/// Folds the log of a database back into its file beside the connection that writes, which would
/// wait for the disk at every checkpoint of its own.
///
/// A thread with a connection of its own does nearly all of it (a passive checkpoint, again while
/// what was written meanwhile is still long); the writer does the short rest, for the log begins
/// again from its start only when all of it is folded at the moment of a commit. Where the disk
/// does not keep up the writer waits for the thread; a log that a reader holds grows until the
/// reader ends. https://www.sqlite.org/wal.html#ckpt
///
/// No checkpoint of the thread begins on a log that is folded whole: before SQLite 3.51.3 one that
/// did, while another connection's commit restarted the log, could damage the file
/// (https://www.sqlite.org/wal.html#walresetbug). So the thread is asked only after a commit that
/// wrote, nobody else of this process folds meanwhile, and no other process writes the file: the
/// data directory is locked. Those of the writer may: it alone commits.
///
/// A checkpoint that fails (a full disk, say) loses nothing: the log keeps what was committed, and
/// it is tried again with the next commit.
class Checkpointer {
public:
    struct Options {
        /// Pages of the log from which on it is folded back: 16 MB.
        int begin_pages = 4000;
        /// What is left for the writer.
        int rest_pages = 256;
        /// The writer waits for the thread's pass when the log has as many: 256 MB.
        int longest_pages = 65'536;
    };

    /// Another connection to the file that `writer` writes; its own checkpoints are turned off.
    static Result<std::unique_ptr<Checkpointer>> open(Db& writer, const Options& options);
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    /// After each group of jobs, whatever came of it; on the thread of `writer`.
    void group_ended(Db& writer);

private:
    Checkpointer(Db db, const Options& options);
    void loop();

    Db db_;
    Options options_;
    // Of the writer's thread:
    int last_pages_ = 0;  ///< of the log, after the commit before
    int passes_ = 0;      ///< of the thread, since the log began

    std::mutex mutex_;
    std::condition_variable changed_;
    bool asked_ = false;  ///< and not done yet
    bool stopping_ = false;
    int folded_pages_ = 0;  ///< of the log, from its start
    std::thread thread_;
};

}  // namespace qck::sqlite
