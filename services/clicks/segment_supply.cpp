#include "services/clicks/segment_supply.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/cpu.hpp"
#include "base/log.hpp"

namespace qck::clicks {
namespace {

/// Writable pages kept ahead of a writer: 40,000 clicks, some milliseconds at full speed.
constexpr std::uint32_t ahead_bytes = 2 << 20;
/// The writer wakes the thread this often (JournalShard); pages further behind are let go.
constexpr std::uint32_t behind_bytes = 256 << 10;
constexpr int retry_ms = 100;

}  // namespace

SegmentSupply::SegmentSupply(Options options, std::uint16_t shards) : options_(std::move(options)) {
    for (std::uint16_t shard = 0; shard < shards; ++shard) {
        slots_.push_back(std::make_unique<Slot>());
    }
}

SegmentSupply::~SegmentSupply() {
    stopping_ = true;
    wake();
    if (thread_.joinable()) thread_.join();
    for (auto& slot : slots_) {
        // A spare that was never begun is of no use to the next epoch.
        if (Segment* spare = slot->spare.load()) {
            std::error_code ignored;
            std::filesystem::remove(spare->id().path(options_.journal), ignored);
            delete spare;
        }
        delete slot->current.load();
        for (Segment* at = slot->retired.load(); at != nullptr;) {
            delete std::exchange(at, at->next);
        }
    }
    if (wake_fd_ >= 0) ::close(wake_fd_);
}

Result<void> SegmentSupply::open() {
    wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd_ < 0) return io_error("cannot create an eventfd", errno);
    const auto shards = static_cast<std::uint16_t>(slots_.size());
    for (std::uint16_t shard = 0; shard < shards; ++shard) {
        std::error_code failure;
        const auto folder = options_.journal / std::to_string(shard);
        std::filesystem::create_directories(folder, failure);
        if (failure) return io_error("cannot make " + folder.string(), failure.value());
        auto made = make(shard, *slots_[shard]);
        if (!made) return made.error();
        (*made)->populate(0, behind_bytes);
        slots_[shard]->spare = made->release();
    }
    thread_ = std::thread([this] { loop(); });
    return {};
}

Segment* SegmentSupply::take(std::uint16_t shard) noexcept {
    Slot& slot = *slots_[shard];
    Segment* taken = slot.spare.exchange(nullptr);
    if (taken == nullptr) {
        if (slot.failing.load(std::memory_order_relaxed)) return nullptr;
        const std::lock_guard lock(slot.making);
        taken = slot.spare.exchange(nullptr);  // the thread may have been making it
        if (taken == nullptr) {
            auto made = make(shard, slot);
            if (!made) {
                wake();
                return nullptr;
            }
            taken = made->release();
        }
    }
    return taken;
}

void SegmentSupply::install(std::uint16_t shard, Segment* taken) noexcept {
    Slot& slot = *slots_[shard];
    slot.offset.store(0, std::memory_order_relaxed);
    if (Segment* before = slot.current.exchange(taken)) {
        before->next = slot.retired.load(std::memory_order_relaxed);
        while (!slot.retired.compare_exchange_weak(before->next, before)) {
        }
    }
    wake();
}

void SegmentSupply::wake() noexcept {
    const std::uint64_t one = 1;
    // Full only when it was woken 2^64 times: nothing to do then either.
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

bool SegmentSupply::full() const noexcept {
    return std::any_of(slots_.begin(), slots_.end(),
                       [](const auto& slot) { return slot->full.load(); });
}

Result<std::unique_ptr<Segment>> SegmentSupply::make(std::uint16_t shard, Slot& slot) {
    const SegmentId id{shard, options_.epoch, slot.next_number};
    auto made =
        Segment::create(options_.journal, id, options_.segment_bytes, options_.sync_directory);
    const bool full = !made && made.error().code == Errc::unavailable;
    const bool was_full = slot.full.exchange(full);
    const bool was_failing = slot.failing.exchange(!made);
    if (made) {
        ++slot.next_number;
        if (was_failing) {
            log::info(was_full ? "journal_has_room" : "journal_has_segments", {{"shard", shard}});
        }
    } else if (!was_failing || was_full != full) {
        log::error(full ? "journal_full" : "journal_segment_failed",
                   {{"shard", shard}, {"error", made.error().message}});
    }
    return made;
}

void SegmentSupply::populate(Slot& slot) {
    Segment* current = slot.current.load();
    if (current == nullptr) return;
    if (slot.populated_number != current->id().number) {
        slot.populated_number = current->id().number;
        slot.populated_to = 0;
        slot.dropped_to = 0;
    }
    const std::uint32_t offset = slot.offset.load(std::memory_order_relaxed);
    const std::uint32_t to = std::min(current->bytes(), offset + ahead_bytes);
    if (to > slot.populated_to) {
        current->populate(std::max(offset, slot.populated_to), to);
        slot.populated_to = to;
    }
    if (offset > slot.dropped_to + behind_bytes) {
        current->drop(slot.dropped_to, offset - behind_bytes / 2);
        slot.dropped_to = offset - behind_bytes / 2;
    }
}

void SegmentSupply::serve(std::uint16_t shard) {
    Slot& slot = *slots_[shard];
    populate(slot);
    for (Segment* at = slot.retired.exchange(nullptr); at != nullptr;) {
        delete std::exchange(at, at->next);
    }
    Segment* current = slot.current.load();
    const bool soon =
        current != nullptr && slot.offset.load(std::memory_order_relaxed) > current->bytes() / 4;
    if ((soon || slot.failing) && slot.spare.load() == nullptr) {
        const std::lock_guard lock(slot.making);
        // The writer may have helped itself meanwhile, and then the offset above is of a past
        // segment: at worst a spare is made early.
        if (auto made = make(shard, slot)) {
            (*made)->populate(0, behind_bytes);
            slot.spare = made->release();
        }
    }
}

void SegmentSupply::loop() {
    name_thread("qck-segments");
    give_way();
    const auto shards = static_cast<std::uint16_t>(slots_.size());
    while (!stopping_) {
        bool failing = false;
        for (std::uint16_t shard = 0; shard < shards; ++shard) {
            serve(shard);
            failing = failing || slots_[shard]->failing;
        }
        pollfd wake{wake_fd_, POLLIN, 0};
        ::poll(&wake, 1, failing ? retry_ms : -1);
        std::uint64_t count = 0;
        [[maybe_unused]] const auto drained = ::read(wake_fd_, &count, sizeof count);
    }
}

}  // namespace qck::clicks
