#include "services/stores/sqlite/write_queue.hpp"

#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "base/cpu.hpp"
#include "base/net/reactor.hpp"
#include "services/stores/sqlite/schema.hpp"

namespace qck::sqlite {

Result<std::unique_ptr<WriteQueue>> WriteQueue::open(const std::filesystem::path& file,
                                                     const Options& options) {
    auto db = Db::open(file, options.db);
    if (!db) return db.error();
    if (auto done = migrate(*db); !done) return done.error();
    auto checkpointer = Checkpointer::open(*db, options.checkpoints);
    if (!checkpointer) return checkpointer.error();
    return std::unique_ptr<WriteQueue>(
        new WriteQueue(std::move(*db), std::move(*checkpointer), options));
}

WriteQueue::WriteQueue(Db db, std::unique_ptr<Checkpointer> checkpointer, const Options& options)
    : db_(std::move(db)), checkpointer_(std::move(checkpointer)), options_(options) {
    thread_ = std::thread([this] { loop(); });
}

WriteQueue::~WriteQueue() { close(); }

void WriteQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    room_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void WriteQueue::submit(std::unique_ptr<WriteJob> job) {
    bool was_idle = false;
    {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return stopping_ || rows_waiting_ < options_.rows_max; });
        if (stopping_) {
            lock.unlock();
            return job->finished(error(Errc::unavailable, db_.path() + " is being closed"));
        }
        was_idle = waiting_.empty();
        rows_waiting_ += job->rows();
        waiting_.push_back(std::move(job));
    }
    if (was_idle) work_.notify_one();
}

bool WriteQueue::try_submit(std::unique_ptr<WriteJob>& job) {
    bool was_idle = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || rows_waiting_ >= options_.rows_max) return false;
        was_idle = waiting_.empty();
        rows_waiting_ += job->rows();
        waiting_.push_back(std::move(job));
    }
    if (was_idle) work_.notify_one();
    return true;
}

Result<void> WriteQueue::run_blocking(std::function<Result<void>(Db&)> work) {
    struct BlockingJob : WriteJob {
        explicit BlockingJob(std::function<Result<void>(Db&)> w) : work(std::move(w)) {}
        Result<void> run(Db& db) override { return work(db); }
        void finished(const Result<void>& outcome) override { done.set_value(outcome); }
        std::function<Result<void>(Db&)> work;
        std::promise<Result<void>> done;
    };
    auto job = std::make_unique<BlockingJob>(std::move(work));
    auto outcome = job->done.get_future();
    submit(std::move(job));
    return outcome.get();
}

void WriteQueue::loop() {
    begin_thread("qck-links-db", options_.cpu);
    std::vector<std::unique_ptr<WriteJob>> group;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            group.swap(waiting_);
            rows_waiting_ = 0;
        }
        room_.notify_all();
        run_group(group);
        group.clear();
    }
}

void WriteQueue::run_group(std::vector<std::unique_ptr<WriteJob>>& group) {
    for (std::size_t first = 0; first < group.size(); first += options_.group_max) {
        const auto count = std::min(options_.group_max, group.size() - first);
        const std::span<std::unique_ptr<WriteJob>> jobs(&group[first], count);
        if (const auto begun = db_.begin(); !begun) {
            // Nobody's fault in particular: trying each alone would wait for the same lock again.
            for (const auto& job : jobs) job->finished(begun);
        } else {
            finish_group(jobs, run_begun(jobs));
        }
        checkpointer_->group_ended(db_);
    }
}

void WriteQueue::finish_group(std::span<std::unique_ptr<WriteJob>> jobs,
                              const Result<void>& outcome) {
    if (outcome || jobs.size() == 1) {
        // Reactors that are told of each are woken for some together.
        constexpr std::size_t told_together = 64;
        std::optional<net::WakeBatch> batch;
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (i % told_together == 0) batch.emplace();
            jobs[i]->finished(outcome);
        }
        return;
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const auto begun = db_.begin();
        jobs[i]->finished(begun ? run_begun(jobs.subspan(i, 1)) : begun);
    }
}

Result<void> WriteQueue::run_begun(std::span<std::unique_ptr<WriteJob>> jobs) {
    Result<void> outcome;
    for (std::size_t i = 0; outcome && i < jobs.size(); ++i) outcome = jobs[i]->run(db_);
    if (outcome) outcome = db_.commit();
    if (!outcome) db_.rollback();
    return outcome;
}

}  // namespace qck::sqlite
