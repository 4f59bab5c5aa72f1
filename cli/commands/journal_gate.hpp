#pragma once

#include <algorithm>
#include <cstdint>

#include "services/clicks/durability_syncer.hpp"
#include "services/http_server/exchange.hpp"

namespace qck::commands {

/// Holds answers until the journal of their reactor is on the disk (--durability power). Belongs to
/// the reactor's thread.
class JournalGate final : public http_server::OutputGate {
public:
    JournalGate(const clicks::JournalShard& shard, clicks::DurabilitySyncer& syncer)
        : shard_(shard), syncer_(syncer) {}

    std::uint64_t mark() override {
        const std::uint64_t position = shard_.appended_position();
        if (position <= durable_) return 0;
        syncer_.request(shard_.number());
        return position;
    }
    /// Answers wait for the disk.
    bool holds() const { return shard_.appended_position() > durable_; }
    void set_durable(std::uint64_t position) { durable_ = std::max(durable_, position); }

private:
    const clicks::JournalShard& shard_;
    clicks::DurabilitySyncer& syncer_;
    std::uint64_t durable_ = 0;
};

}  // namespace qck::commands
