#include "loadgen/record/cpu_use.hpp"

#include <algorithm>

namespace qck::record {
namespace {

double seconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

}  // namespace

CpuShares shares_of(const std::vector<CpuStretch>& stretches, std::chrono::nanoseconds from,
                    std::chrono::nanoseconds to) {
    double time_s = 0;
    double cpu_s = 0;
    double stolen_s = 0;
    double others_s = 0;
    double waiting_s = 0;
    for (const CpuStretch& stretch : stretches) {
        const auto within = std::min(stretch.end(), to) - std::max(stretch.begin, from);
        if (within.count() <= 0 || stretch.cpus == 0) continue;
        const double part = seconds(within) / seconds(stretch.length);
        time_s += seconds(within);
        cpu_s += seconds(within) * stretch.cpus;
        stolen_s += part * seconds(stretch.stolen);
        others_s += part * seconds(stretch.others);
        waiting_s += part * seconds(stretch.kept_waiting);
    }
    if (cpu_s <= 0) return {};
    return {true, std::min(stolen_s / cpu_s, 1.0), std::min(others_s / cpu_s, 1.0),
            std::min(waiting_s / time_s, 1.0)};
}

std::chrono::nanoseconds most_within(const std::vector<CpuStretch>& stretches,
                                     std::chrono::nanoseconds from, std::chrono::nanoseconds to,
                                     std::chrono::nanoseconds span,
                                     std::chrono::nanoseconds CpuStretch::*what) {
    std::chrono::nanoseconds most{};
    for (auto first = stretches.begin(); first != stretches.end(); ++first) {
        if (first->end() <= from || first->begin >= to) continue;
        std::chrono::nanoseconds sum{};
        // A standstill that begins late in the first one ends this much after its end at most.
        const auto until = first->end() + span;
        for (auto at = first; at != stretches.end() && at->begin < until; ++at) sum += (*at).*what;
        most = std::max(most, sum);
    }
    return most;
}

}  // namespace qck::record
