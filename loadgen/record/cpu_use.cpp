#include "loadgen/record/cpu_use.hpp"

#include <algorithm>
#include <map>

namespace qck::record {
namespace {

using Nanos = std::chrono::nanoseconds;

double seconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

/// Adds a stretch, or a share of it, to one that it is part of.
void add(const CpuStretch& from, double share, CpuStretch& to) {
    const auto part = [share](Nanos whole) {
        return Nanos(static_cast<std::int64_t>(static_cast<double>(whole.count()) * share));
    };
    to.cpus = std::max(to.cpus, from.cpus);
    to.stolen += part(from.stolen);
    to.stolen_most += part(from.stolen_most);
    to.others += part(from.others);
    to.kept_waiting += part(from.kept_waiting);
    to.ours += part(from.ours);
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
            std::min(waiting_s / time_s, 1.0), cpu_s / time_s};
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

CpuStretch within(const std::vector<CpuStretch>& stretches, Nanos from, Nanos to) {
    CpuStretch sum;
    sum.begin = from;
    sum.length = to - from;
    auto at =
        std::lower_bound(stretches.begin(), stretches.end(), from,
                         [](const CpuStretch& one, Nanos moment) { return one.end() <= moment; });
    for (; at != stretches.end() && at->begin < to; ++at) {
        const Nanos overlap = std::min(at->end(), to) - std::max(at->begin, from);
        if (overlap.count() > 0) add(*at, seconds(overlap) / seconds(at->length), sum);
    }
    return sum;
}

std::vector<CpuStretch> coarsened(std::vector<CpuStretch> stretches, std::size_t count) {
    const std::size_t group = (stretches.size() + count - 1) / count;
    if (group <= 1) return stretches;
    std::vector<CpuStretch> coarse;
    for (std::size_t at = 0; at < stretches.size(); ++at) {
        if (at % group == 0) coarse.emplace_back().begin = stretches[at].begin;
        add(stretches[at], 1, coarse.back());
        coarse.back().length = stretches[at].end() - coarse.back().begin;
    }
    return coarse;
}

std::vector<CpuStretch> worst_of(const std::vector<CpuView>& views) {
    // The times are those of who looked the longest.
    const CpuView* longest = nullptr;
    const auto end_of = [](const CpuView& view) {
        return view.stretches->empty() ? Nanos{} : view.stretches->back().end();
    };
    for (const CpuView& view : views) {
        if (longest == nullptr || end_of(view) > end_of(*longest)) longest = &view;
    }
    std::vector<CpuStretch> worst;
    if (longest == nullptr) return worst;
    for (const CpuStretch& at : *longest->stretches) {
        std::map<std::string, Nanos> ours;
        std::vector<CpuStretch> seen;
        for (const CpuView& view : views) {
            seen.push_back(within(*view.stretches, at.begin, at.end()));
            ours[view.host] += seen.back().ours;
        }
        CpuStretch& chosen = worst.emplace_back();
        for (std::size_t i = 0; i < views.size(); ++i) {
            CpuStretch& one = seen[i];
            const Nanos all = ours[views[i].host];
            one.others = std::max(one.others - (all - one.ours), Nanos{});
            one.ours = all;
            const auto taken = [](const CpuStretch& s) { return s.kept_waiting + s.stolen_most; };
            if (i == 0 || taken(one) > taken(chosen)) chosen = one;
        }
    }
    return worst;
}

}  // namespace qck::record
