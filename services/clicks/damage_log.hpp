#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {

/// Tells of damaged places once each is met, and keeps the segment aside in journal/corrupt/ (a
/// hard link, so at no cost) for whoever wants to look into it. Figures are thread-safe.
class DamageLog {
public:
    explicit DamageLog(std::filesystem::path journal) : journal_(std::move(journal)) {}

    void report(const Damage& damage);

    std::uint64_t places() const { return places_.load(std::memory_order_relaxed); }
    std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

private:
    std::filesystem::path journal_;
    std::atomic<std::uint64_t> places_{0};
    std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace qck::clicks
