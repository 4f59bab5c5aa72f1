#include "services/stores/sqlite/checkpointer.hpp"

#include <utility>

#include "base/cpu.hpp"

namespace qck::sqlite {

Result<std::unique_ptr<Checkpointer>> Checkpointer::open(Db& writer, const Options& options) {
    DbOptions same_file;
    same_file.mode = OpenMode::read_write;
    auto db = Db::open(writer.path(), same_file);
    if (!db) return db.error();
    writer.keep_log();
    return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(*db), options));
}

Checkpointer::Checkpointer(Db db, const Options& options) : db_(std::move(db)), options_(options) {
    thread_ = std::thread([this] { loop(); });
}

Checkpointer::~Checkpointer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Checkpointer::group_ended(Db& writer) {
    const int pages = writer.take_log_pages();
    if (pages == 0) return;  // nothing was written: there may be nothing to fold
    // Within a log each commit adds to it.
    if (pages <= std::exchange(last_pages_, pages)) passes_ = 0;
    if (pages < options_.begin_pages) return;
    // So often the rest should have become short; where it has not, the disk is too slow.
    constexpr int passes_max = 8;
    std::unique_lock lock(mutex_);
    if (pages >= options_.longest_pages) changed_.wait(lock, [this] { return !asked_; });
    if (asked_) return;
    const bool short_rest = pages - folded_pages_ <= options_.rest_pages;
    if (passes_ == 0 || (!short_rest && passes_ < passes_max)) {
        ++passes_;
        asked_ = true;
        lock.unlock();
        changed_.notify_all();
        return;
    }
    // The thread waits to be asked: nobody else folds.
    const auto folded = writer.checkpoint();
    folded_pages_ = folded ? *folded : 0;
    passes_ = 1;
}

void Checkpointer::loop() {
    name_thread("qck-checkpoint");
    give_way();
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || asked_; });
        if (stopping_) return;
        lock.unlock();
        const auto folded = db_.checkpoint();
        lock.lock();
        folded_pages_ = folded ? *folded : 0;
        asked_ = false;
        changed_.notify_all();
    }
}

}  // namespace qck::sqlite
