#pragma once

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "services/stores/sqlite/checkpointer.hpp"
#include "services/stores/sqlite/sqlite_db.hpp"

namespace qck::sqlite {

/// One piece of work on the database, done inside a transaction that other jobs may share.
class WriteJob {
public:
    virtual ~WriteJob() = default;
    /// Reads and changes through `db`. An error rolls the whole group back: it is for what is
    /// broken (disk, locks), while an expected conflict is an outcome the job remembers. May be
    /// called again after such a rollback, and then starts afresh.
    virtual Result<void> run(Db& db) = 0;
    /// How many it changes, as far as that is known: what waits is bounded by it.
    virtual std::size_t rows() const { return 1; }
    /// Called once: after the commit that made the work durable, or with what went wrong, when
    /// nothing of it was stored.
    virtual void finished(const Result<void>& outcome) = 0;
};

/// The only writer of a database file: one thread that commits many jobs in one transaction.
///
/// Jobs run in the order of their submission. While a transaction commits the next jobs gather, so
/// the cost of a commit is shared by all who wait. A group that fails is run again job by job, so
/// that a job that cannot be stored takes no other with it. run() and finished() are called on the
/// writer's thread. submit() and run_blocking() are thread-safe.
class WriteQueue {
public:
    struct Options {
        DbOptions db;
        /// Rows of the jobs waiting; once they are as many, one more job waits in submit().
        std::size_t rows_max = 65'536;
        /// Jobs in one transaction.
        std::size_t group_max = 1024;
        Checkpointer::Options checkpoints;
        /// Of its thread; -1: any.
        int cpu = -1;
    };

    /// Opens the file, brings its schema up to date and starts the thread.
    static Result<std::unique_ptr<WriteQueue>> open(const std::filesystem::path& file,
                                                    const Options& options);
    /// close().
    ~WriteQueue();
    /// Finishes what was submitted, then ends the thread: when it returns no job runs any more, and
    /// none will; what is submitted later is finished at once with Errc::unavailable. Not to be
    /// called by jobs.
    void close();
    WriteQueue(const WriteQueue&) = delete;
    WriteQueue& operator=(const WriteQueue&) = delete;

    /// Never drops a job: finished() is called for each. Not to be called from run() or finished().
    void submit(std::unique_ptr<WriteJob> job);
    /// False, and `job` untouched, when the queue is full or closed: for callers that must not
    /// wait.
    bool try_submit(std::unique_ptr<WriteJob>& job);
    /// Runs `work` in a transaction and returns once it is committed (or rolled back).
    Result<void> run_blocking(std::function<Result<void>(Db&)> work);

private:
    WriteQueue(Db db, std::unique_ptr<Checkpointer> checkpointer, const Options& options);
    void loop();
    void run_group(std::vector<std::unique_ptr<WriteJob>>& group);
    Result<void> run_begun(std::span<std::unique_ptr<WriteJob>> jobs);
    void finish_group(std::span<std::unique_ptr<WriteJob>> jobs, const Result<void>& outcome);

    Db db_;
    std::unique_ptr<Checkpointer> checkpointer_;
    Options options_;
    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable room_;
    std::vector<std::unique_ptr<WriteJob>> waiting_;
    std::size_t rows_waiting_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace qck::sqlite
