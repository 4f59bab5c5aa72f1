#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace qck::record {

/// Who had the CPUs of the generator's machine for a stretch of the run, where that was not the
/// generator: whoever takes them makes it late, and a target beside it too.
struct CpuStretch {
    std::chrono::nanoseconds begin{};  ///< from the start of the run
    std::chrono::nanoseconds length{};
    std::uint32_t cpus = 0;                  ///< that were looked at
    std::chrono::nanoseconds stolen{};       ///< by the hypervisor, over all of them
    std::chrono::nanoseconds stolen_most{};  ///< from the one that lost the most
    /// Run by processes other than the generator and an embedded service, over all of them. The
    /// system counts it in ticks, so of a short stretch it is a rough figure.
    std::chrono::nanoseconds others{};
    /// The generator's worst-off thread was ready to run so long, and another thread had its CPU.
    std::chrono::nanoseconds kept_waiting{};
    /// Run by the generator's process and an embedded service, over all CPUs of the machine.
    std::chrono::nanoseconds ours{};

    std::chrono::nanoseconds end() const { return begin + length; }
};

/// The same over a part of the run, as shares.
struct CpuShares {
    bool measured = false;
    double stolen = 0;        ///< of all CPUs, 0..1
    double others = 0;        ///< likewise
    double kept_waiting = 0;  ///< of the time, 0..1
    double cpus = 0;          ///< how many
};

/// Over [from, to); of a stretch that reaches beyond, its part by length.
CpuShares shares_of(const std::vector<CpuStretch>& stretches, std::chrono::nanoseconds from,
                    std::chrono::nanoseconds to);

/// The most of `what` in stretches that touch [from, to), over so many in a row as a standstill of
/// length `span` can touch. Zero where nothing was measured.
std::chrono::nanoseconds most_within(const std::vector<CpuStretch>& stretches,
                                     std::chrono::nanoseconds from, std::chrono::nanoseconds to,
                                     std::chrono::nanoseconds span,
                                     std::chrono::nanoseconds CpuStretch::*what);

/// One stretch of what was seen in [from, to); of one that reaches beyond, its part by length.
/// Stretches are in order and do not overlap.
CpuStretch within(const std::vector<CpuStretch>& stretches, std::chrono::nanoseconds from,
                  std::chrono::nanoseconds to);

/// At most `count` (above 0) of them: where there are more, neighbours become one.
std::vector<CpuStretch> coarsened(std::vector<CpuStretch> stretches, std::size_t count);

/// What the processes of one generator saw, each by itself.
struct CpuView {
    std::string host;  ///< same for processes that count the same CPUs
    const std::vector<CpuStretch>* stretches = nullptr;
};

/// Of each moment what was seen by the process that was kept from its CPUs the longest: a machine
/// that is taken shows, however many others are not. What processes of its machine ran is no
/// other's. CPUs of a machine count once, whoever looked at them.
std::vector<CpuStretch> worst_of(const std::vector<CpuView>& views);

}  // namespace qck::record
