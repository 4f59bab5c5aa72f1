#include "loadgen/record/gain.hpp"

#include <algorithm>
#include <iterator>

namespace qck::record {
namespace {

/// With every bucket of every histogram in it, a piece of these is some 2 MB.
constexpr std::size_t piece_phases = 4;
constexpr std::size_t piece_intervals = 200;
constexpr std::size_t piece_kinds = 12;
constexpr std::size_t piece_links = 100'000;

template <class Histogram>
bool fits(const stats::HistogramGain& gain) {
    return std::all_of(gain.buckets.begin(), gain.buckets.end(),
                       [](const auto& bucket) { return bucket.first < Histogram::size; });
}

void add(const CauseCounts& gain, CauseCounts& to) {
    for (std::size_t cause = 0; cause < cause_count; ++cause) to[cause] += gain[cause];
}

void add(const PhaseGain& gain, PhaseResult& phase) {
    phase.accounting += gain.accounting;
    phase.bytes_sent += gain.bytes_sent;
    phase.bytes_received += gain.bytes_received;
    for (const auto& [status, count] : gain.status) phase.status[status] += count;
    for (const auto& [status, count] : gain.unexpected) phase.unexpected[status] += count;
    add(gain.failed_by, phase.failed_by);
    add(gain.unsent_by, phase.unsent_by);
    phase.latency.add(gain.latency);
    phase.service.add(gain.service);
    phase.send_lag.add(gain.send_lag);
}

void add(const IntervalGain& gain, Interval& interval) {
    interval.scheduled += gain.scheduled;
    interval.sent += gain.sent;
    interval.answered += gain.answered;
    interval.failed += gain.failed;
    interval.timed_out += gain.timed_out;
    interval.unsent += gain.unsent;
    add(gain.failed_by, interval.failed_by);
    interval.latency.add(gain.latency);
}

void add(const KindGain& gain, KindResult& kind) {
    kind.sent += gain.sent;
    kind.unsent += gain.unsent;
    kind.answered += gain.answered;
    kind.unexpected += gain.unexpected;
    kind.failed += gain.failed;
    kind.timed_out += gain.timed_out;
    kind.latency.add(gain.latency);
}

using RankCounts = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

/// Both in one, ascending as they are.
RankCounts sum_of(const RankCounts& a, const RankCounts& b) {
    RankCounts both;
    both.reserve(a.size() + b.size());
    std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    std::size_t last = 0;
    for (std::size_t at = 1; at < both.size(); ++at) {
        if (both[at].first == both[last].first) {
            both[last].second += both[at].second;
        } else {
            both[++last] = both[at];
        }
    }
    if (!both.empty()) both.resize(last + 1);
    return both;
}

/// Takes at most `count` from the end of `from`.
template <class T>
std::vector<T> cut_off(std::vector<T>& from, std::size_t count) {
    const auto begin = from.end() - static_cast<std::ptrdiff_t>(std::min(count, from.size()));
    std::vector<T> piece(std::make_move_iterator(begin), std::make_move_iterator(from.end()));
    from.erase(begin, from.end());
    return piece;
}

}  // namespace

bool fits(const Gain& gain, const RunResult& result) {
    const auto phase_fits = [&](const PhaseGain& phase) {
        return phase.phase < result.phases.size() && fits<stats::Histogram>(phase.latency) &&
               fits<stats::Histogram>(phase.service) && fits<stats::Histogram>(phase.send_lag);
    };
    const auto interval_fits = [&](const IntervalGain& interval) {
        return interval.interval < result.series.size() &&
               fits<stats::CoarseHistogram>(interval.latency);
    };
    const auto kind_fits = [&](const KindGain& kind) {
        return kind.kind < result.kinds.size() && fits<stats::Histogram>(kind.latency);
    };
    const auto link_fits = [&](const auto& link) { return link.first < result.links.tail.size(); };
    return std::all_of(gain.phases.begin(), gain.phases.end(), phase_fits) &&
           std::all_of(gain.series.begin(), gain.series.end(), interval_fits) &&
           std::all_of(gain.kinds.begin(), gain.kinds.end(), kind_fits) &&
           std::all_of(gain.links.tail.begin(), gain.links.tail.end(), link_fits);
}

void add(const Gain& gain, RunResult& result) {
    for (const PhaseGain& phase : gain.phases) add(phase, result.phases[phase.phase]);
    for (const IntervalGain& interval : gain.series)
        add(interval, result.series[interval.interval]);
    for (const KindGain& kind : gain.kinds) add(kind, result.kinds[kind.kind]);
    result.links.hot += gain.links.hot;
    result.links.unknown += gain.links.unknown;
    result.links.other += gain.links.other;
    for (const auto& [rank, count] : gain.links.tail) result.links.tail[rank] += count;
}

void append(Gain gain, Gain& to) {
    const auto move_all = [](auto& from, auto& into) {
        into.insert(into.end(), std::make_move_iterator(from.begin()),
                    std::make_move_iterator(from.end()));
    };
    move_all(gain.phases, to.phases);
    move_all(gain.series, to.series);
    move_all(gain.kinds, to.kinds);
    to.links.tail = sum_of(to.links.tail, gain.links.tail);
    to.links.hot += gain.links.hot;
    to.links.unknown += gain.links.unknown;
    to.links.other += gain.links.other;
}

std::vector<Gain> in_pieces(Gain gain) {
    std::vector<Gain> pieces;
    while (!gain.empty()) {
        Gain& piece = pieces.emplace_back();
        piece.phases = cut_off(gain.phases, piece_phases);
        if (piece.phases.empty()) piece.series = cut_off(gain.series, piece_intervals);
        if (!piece.phases.empty() || !piece.series.empty()) continue;
        piece.kinds = cut_off(gain.kinds, piece_kinds);
        if (!piece.kinds.empty()) continue;
        piece.links = gain.links;
        piece.links.tail = cut_off(gain.links.tail, piece_links);
        gain.links.hot = gain.links.unknown = gain.links.other = 0;
    }
    return pieces;
}

}  // namespace qck::record
