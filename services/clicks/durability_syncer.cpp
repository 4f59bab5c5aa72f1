#include "services/clicks/durability_syncer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/cpu.hpp"
#include "base/log.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {
namespace {

constexpr auto retry_after = std::chrono::milliseconds(50);

}  // namespace

/// One shard's files on the way to the disk. The file of a segment is opened anew, so the writer's
/// mapping may go at any time; fdatasync writes a file's dirty pages whoever dirtied them.
struct DurabilitySyncer::Shard {
    const JournalShard* shard = nullptr;
    std::atomic<bool> requested{false};
    std::atomic<std::uint64_t> durable{0};
    std::uint32_t segment = 0;
    int fd = -1;
    bool lost = false;  ///< a sync failed: what is on the disk is no longer known
};

DurabilitySyncer::DurabilitySyncer(const Journal& journal, Durable durable, Options options)
    : journal_(journal), durable_(std::move(durable)), options_(std::move(options)) {
    for (std::uint16_t number = 0; number < journal.shards(); ++number) {
        shards_.push_back(std::make_unique<Shard>());
        shards_.back()->shard = &journal.shard(number);
    }
    thread_ = std::thread([this] { loop(); });
}

DurabilitySyncer::~DurabilitySyncer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
    for (auto& shard : shards_) {
        if (shard->fd >= 0) ::close(shard->fd);
    }
}

void DurabilitySyncer::request(std::uint16_t shard) {
    if (shards_[shard]->requested.exchange(true)) return;
    if (requested_.exchange(true)) return;
    // Under the lock, or the thread could miss it between its check and its sleep.
    const std::lock_guard lock(mutex_);
    wake_.notify_one();
}

std::uint64_t DurabilitySyncer::durable_position(std::uint16_t shard) const {
    return shards_[shard]->durable.load(std::memory_order_acquire);
}

void DurabilitySyncer::give_up(Shard& shard, int failure) {
    shard.lost = true;
    failures_.fetch_add(1, std::memory_order_relaxed);
    log::error("journal_sync_failed",
               {{"shard", shard.shard->number()},
                {"error", io_error("cannot write the journal to the disk", failure).message},
                {"effect", "qck ends: what it has not answered yet may be lost"},
                {"fix", "see to the disk, then start again"}});
    if (!options_.lost) std::_Exit(1);
    options_.lost(shard.shard->number());
}

/// False when it is to be tried again.
bool DurabilitySyncer::sync(Shard& shard) {
    if (shard.lost) return true;
    const std::uint64_t position = shard.shard->appended_position();
    if (position == shard.durable.load(std::memory_order_relaxed)) return true;
    const std::uint64_t segment_bytes = journal_.config().segment_bytes;
    const auto last = static_cast<std::uint32_t>(position / segment_bytes);
    while (true) {
        if (shard.fd < 0) {
            const SegmentId id{shard.shard->number(), shard.shard->epoch(), shard.segment};
            const auto path = id.path(journal_.directory().journal());
            shard.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
            // A segment that is gone was counted, and covered by a checkpoint that is on the disk.
            const bool gone = shard.fd < 0 && errno == ENOENT && shard.segment < last;
            if (shard.fd < 0 && !gone) return false;
        }
        while (shard.fd >= 0 && options_.sync_file(shard.fd) != 0) {
            if (errno == EINTR) continue;
            give_up(shard, errno);
            return true;
        }
        if (shard.segment == last) break;
        if (shard.fd >= 0) ::close(shard.fd);
        shard.fd = -1;
        ++shard.segment;
    }
    shard.durable.store(position, std::memory_order_release);
    durable_(shard.shard->number(), position);
    return true;
}

void DurabilitySyncer::loop() {
    name_thread("qck-durability");
    bool failing = false;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || requested_.load(); });
            if (failing && !stopping_) wake_.wait_for(lock, retry_after);
            if (!requested_.load()) return;
            if (stopping_ && failing) return;
        }
        requested_ = false;
        bool failed = false;
        for (auto& shard : shards_) {
            if (!shard->requested.exchange(false)) continue;
            if (sync(*shard)) continue;
            if (!failing && !failed) {
                log::error("journal_sync_waits",
                           {{"error", io_error("cannot open a journal segment", errno).message}});
            }
            failures_.fetch_add(1, std::memory_order_relaxed);
            failed = true;
            shard->requested = true;
            requested_ = true;
        }
        failing = failed;
    }
}

}  // namespace qck::clicks
