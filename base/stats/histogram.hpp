#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace qck::stats {

/// What a histogram has gained between two readings. Added to another one it is as if the spans had
/// been recorded there.
struct HistogramGain {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets;  ///< index and count, ascending
    std::uint64_t sum_ns = 0;
    std::uint64_t max_ns = 0;  ///< of all so far; 0 when nothing was gained

    bool empty() const { return buckets.empty() && sum_ns == 0 && max_ns == 0; }
};

/// Counts of time spans in log-linear buckets of fixed number (HdrHistogram's layout, Gil Tene).
///
/// Values are nanoseconds, 0 to one hour; longer ones are counted as one hour. Spans below
/// 2^bits ns have a bucket each; above, every power of two is cut into 2^(bits-1) equal buckets,
/// so a value is known to 1 part in 2^(bits-1). Mean and maximum are exact. Merging is addition,
/// bucket by bucket, so it loses nothing.
///
/// One writer. Other threads may read while it writes: they see every bucket's recent value, not
/// one moment of all. Memory that no value reached is never touched, so an empty histogram costs
/// address space only.
template <unsigned bits, class Count>
class LogLinearHistogram {
public:
    static constexpr std::uint64_t highest_ns = 3'600'000'000'000;

    static constexpr std::size_t index_of(std::uint64_t ns) {
        const auto width = static_cast<unsigned>(std::bit_width(ns | (half - 1) << 1));
        const unsigned shift = width - bits;
        return static_cast<std::size_t>(shift) * half + static_cast<std::size_t>(ns >> shift);
    }
    static constexpr std::uint64_t lowest_in(std::size_t index) {
        if (index < 2 * half) return index;
        const std::size_t shift = index / half - 1;
        return static_cast<std::uint64_t>(index - shift * half) << shift;
    }
    static constexpr std::uint64_t highest_in(std::size_t index) {
        return lowest_in(index + 1) - 1;
    }

    LogLinearHistogram() : counts_(allocate()) {}
    LogLinearHistogram(const LogLinearHistogram& other) : LogLinearHistogram() { add(other); }
    LogLinearHistogram& operator=(const LogLinearHistogram& other) {
        if (this != &other) *this = LogLinearHistogram(other);
        return *this;
    }
    /// What was moved from may only be destroyed or assigned to.
    LogLinearHistogram(LogLinearHistogram&&) noexcept = default;
    LogLinearHistogram& operator=(LogLinearHistogram&&) noexcept = default;
    ~LogLinearHistogram() = default;

    void record(std::int64_t ns) { record(ns, 1); }
    void record(std::int64_t ns, Count times) {
        const std::uint64_t value =
            std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)), highest_ns);
        raise(counts_[index_of(value)], times);
        raise(sum_ns_, value * times);
        if (value > load(max_ns_)) store(max_ns_, value);
    }

    void add(const LogLinearHistogram& other) {
        for (std::size_t index = 0; index < size; ++index) {
            if (const Count count = load(other.counts_[index]); count != 0)
                raise(counts_[index], count);
        }
        raise(sum_ns_, load(other.sum_ns_));
        store(max_ns_, std::max(load(max_ns_), load(other.max_ns_)));
    }

    /// What was recorded here and not in `seen`, which is an earlier copy and becomes a copy of
    /// now.
    HistogramGain take_gain(LogLinearHistogram& seen) const {
        HistogramGain gain;
        // Above the highest value nothing was ever counted.
        const std::uint64_t max = load(max_ns_);
        const std::size_t end = index_of(max) + 1;
        const Count* const now = counts_.get();
        Count* const before = seen.counts_.get();
        for (std::size_t block = 0; block < end; block += block_size) {
            if (is_same(now + block, before + block)) continue;
            for (std::size_t index = block; index < std::min(block + block_size, end); ++index) {
                const Count count = load(now[index]);
                if (count == before[index]) continue;
                gain.buckets.emplace_back(static_cast<std::uint32_t>(index), count - before[index]);
                before[index] = count;
            }
        }
        const std::uint64_t sum = load(sum_ns_);
        gain.sum_ns = sum - std::exchange(seen.sum_ns_, sum);
        if (!gain.empty()) gain.max_ns = seen.max_ns_ = max;
        return gain;
    }
    /// Needs every index to be below `size`.
    void add(const HistogramGain& gain) {
        for (const auto& [index, count] : gain.buckets) {
            raise(counts_[index], static_cast<Count>(count));
        }
        raise(sum_ns_, gain.sum_ns);
        store(max_ns_, std::max(load(max_ns_), gain.max_ns));
    }

    std::uint64_t sum_ns() const { return load(sum_ns_); }
    std::uint64_t count() const {
        std::uint64_t total = 0;
        for (std::size_t index = 0; index < size; ++index) total += load(counts_[index]);
        return total;
    }
    std::uint64_t max_ns() const { return load(max_ns_); }
    double mean_ns() const {
        const std::uint64_t total = count();
        return total == 0 ? 0 : static_cast<double>(load(sum_ns_)) / static_cast<double>(total);
    }
    /// The value that `share` (0..1) of the recorded spans do not exceed, as the top of its bucket;
    /// never above the maximum. 0 when nothing was recorded.
    std::uint64_t percentile_ns(double share) const {
        const std::uint64_t total = count();
        if (total == 0) return 0;
        // One part in 10^12 below, so that 0.9 of 10 values is the ninth whatever 0.9 * 10 rounds
        // to.
        const double exact = share * static_cast<double>(total) * (1 - 1e-12);
        const auto rank =
            std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(exact)), 1, total);
        std::uint64_t seen = 0;
        for (std::size_t index = 0; index < size; ++index) {
            seen += load(counts_[index]);
            if (seen >= rank) return std::min(highest_in(index), max_ns());
        }
        return max_ns();
    }
    /// Calls `visit(bucket_top_ns, count)` for every bucket that is not empty, ascending.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (std::size_t index = 0; index < size; ++index) {
            if (const Count count = load(counts_[index]); count != 0) {
                visit(std::min(highest_in(index), max_ns()), static_cast<std::uint64_t>(count));
            }
        }
    }

private:
    static constexpr std::size_t half = std::size_t{1} << (bits - 1);

public:
    /// Number of buckets.
    static constexpr std::size_t size = index_of(highest_ns) + 1;

private:
    /// Buckets that are compared at once: most of them are the same.
    static constexpr std::size_t block_size = 8;
    static bool is_same(const Count* now, const Count* before) {
        return [&]<std::size_t... at>(std::index_sequence<at...>) {
            return ((load(now[at]) ^ before[at]) | ...) == 0;
        }
        (std::make_index_sequence<block_size>{});
    }

    struct Free {
        void operator()(Count* memory) const { std::free(memory); }
    };
    static std::unique_ptr<Count[], Free> allocate() {
        constexpr std::size_t blocks = (size + block_size - 1) / block_size;
        void* const memory = std::calloc(blocks * block_size, sizeof(Count));
        if (memory == nullptr) throw std::bad_alloc();
        return std::unique_ptr<Count[], Free>(static_cast<Count*>(memory));
    }
    // Relaxed loads and stores cost what plain ones do; they make reading beside the writer
    // defined.
    template <class T>
    static T load(const T& from) {
        return std::atomic_ref<T>(const_cast<T&>(from)).load(std::memory_order_relaxed);
    }
    template <class T>
    static void store(T& to, T value) {
        std::atomic_ref<T>(to).store(value, std::memory_order_relaxed);
    }
    template <class T>
    static void raise(T& to, T by) {
        store(to, static_cast<T>(load(to) + by));
    }

    std::unique_ptr<Count[], Free> counts_;
    std::uint64_t sum_ns_ = 0;
    std::uint64_t max_ns_ = 0;
};

/// Three significant digits (1 part in 1,024); exact below 2.048 µs; 260 KB of address space.
using Histogram = LogLinearHistogram<11, std::uint64_t>;
/// 1 part in 64, so a percentile is off by less than 1.6 %; 9 KB. For the intervals of a time
/// series.
using CoarseHistogram = LogLinearHistogram<7, std::uint32_t>;

/// The percentile distribution as HdrHistogram's tools print and plot it (`.hgrm`), in
/// microseconds: Value, Percentile, TotalCount, 1/(1-Percentile).
std::string to_hgrm(const Histogram& histogram);

}  // namespace qck::stats
