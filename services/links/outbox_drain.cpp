#include "services/links/outbox_drain.hpp"

#include <algorithm>
#include <utility>

#include "base/cpu.hpp"
#include "base/log.hpp"

namespace qck::links {

OutboxDrain::OutboxDrain(LinkOutbox& outbox, Tell tell, OutboxDrainConfig config)
    : outbox_(outbox), tell_(std::move(tell)), config_(std::move(config)) {}

OutboxDrain::~OutboxDrain() { stop(); }

void OutboxDrain::start() {
    thread_ = std::thread([this] { run(); });
}

void OutboxDrain::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void OutboxDrain::run() {
    name_thread("qck-outbox");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        round();
        lock.lock();
        wake_.wait_for(lock, config_.every, [this] { return stopping_; });
    }
    lock.unlock();
    forget_taken();
}

void OutboxDrain::round() {
    forget_taken();
    tell_noted();
}

void OutboxDrain::forget_taken() {
    std::vector<VersionOfCode> taken;
    {
        const std::lock_guard lock(mutex_);
        taken.swap(taken_);
    }
    if (taken.empty()) return;
    const auto forgotten = outbox_.forget(taken);
    note_outcome(forgotten);
    if (forgotten) return;
    const std::lock_guard lock(mutex_);
    const std::size_t room = config_.taken_max - std::min(config_.taken_max, taken_.size());
    taken.resize(std::min(taken.size(), room));
    taken_.insert(taken_.end(), taken.begin(), taken.end());
}

void OutboxDrain::tell_noted() {
    const std::int64_t now_ns = config_.now();
    {
        const std::lock_guard lock(mutex_);
        if (!under_way_.empty() && now_ns < patient_until_ns_) return;
    }
    const auto noted = outbox_.noted(config_.age, config_.changes_max);
    note_outcome(noted ? Result<void>() : Result<void>(noted.error()));
    if (!noted) return;
    patient_until_ns_ = now_ns + std::chrono::nanoseconds(config_.patience).count();
    {
        const std::lock_guard lock(mutex_);
        under_way_.clear();
        for (const NotedChange& change : *noted) under_way_[change.code] = change.version;
    }
    for (const NotedChange& change : *noted) tell_(change);
    told_.fetch_add(noted->size(), std::memory_order_relaxed);
}

void OutboxDrain::taken(std::string_view code, std::uint64_t version) {
    const std::lock_guard lock(mutex_);
    VersionOfCode told{std::string(code), version};
    if (const auto known = under_way_.find(told.code); known != under_way_.end()) {
        told.version = std::max(told.version, known->second);
        under_way_.erase(known);
    } else if (version <= 1) {
        return;  // a fresh code: not noted
    }
    if (taken_.size() < config_.taken_max) taken_.push_back(std::move(told));
}

void OutboxDrain::note_outcome(const Result<void>& outcome) {
    if (outcome) {
        if (std::exchange(failing_, false)) log::info("link_outbox_works_again");
    } else if (!std::exchange(failing_, true)) {
        log::warn("link_outbox_unreadable",
                  {{"error", outcome.error().message},
                   {"effect", "changes that others left untold wait in the store"}});
    }
}

}  // namespace qck::links
