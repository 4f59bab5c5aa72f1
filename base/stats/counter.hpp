#pragma once

#include <atomic>
#include <cstdint>

namespace qck::stats {

/// A count that one thread raises and any thread may read. Costs what a plain integer costs.
class Counter {
public:
    Counter() = default;
    Counter(const Counter& other) : value_(other.value()) {}
    Counter& operator=(const Counter& other) {
        value_.store(other.value(), std::memory_order_relaxed);
        return *this;
    }

    /// The writer's thread only.
    void add(std::uint64_t by = 1) { value_.store(value() + by, std::memory_order_relaxed); }
    /// The writer's thread only.
    void take(std::uint64_t by) { value_.store(value() - by, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace qck::stats
