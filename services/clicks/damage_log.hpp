#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {

/// Where copies of damaged segments are: `JOURNAL/corrupt`.
std::filesystem::path aside_folder(const std::filesystem::path& journal);

/// Tells of damaged places once each is met, and keeps a copy of the segment aside in
/// aside_folder() for whoever wants to look into it: as it was then, for the segment itself is
/// still written to, sealed and removed. Copies count as the journal's, and go when --journal-keep
/// has passed (retain_segments). Figures are thread-safe.
class DamageLog {
public:
    /// No copy is made that would bring all of them above `aside_bytes_max`.
    explicit DamageLog(std::filesystem::path journal,
                       std::uint64_t aside_bytes_max = std::uint64_t{1} << 30)
        : journal_(std::move(journal)), aside_bytes_max_(aside_bytes_max) {}

    void report(const Damage& damage);

    std::uint64_t places() const { return places_.load(std::memory_order_relaxed); }
    std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

private:
    std::string keep_aside(const SegmentId& id) const;

    std::filesystem::path journal_;
    std::uint64_t aside_bytes_max_;
    std::atomic<std::uint64_t> places_{0};
    std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace qck::clicks
