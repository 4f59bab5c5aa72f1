#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/stats/histogram.hpp"
#include "loadgen/record/accounting.hpp"
#include "loadgen/record/run_result.hpp"

namespace qck::record {

/// What a phase has gained; counts as in PhaseResult.
struct PhaseGain {
    std::uint32_t phase = 0;
    Accounting accounting;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::map<std::uint16_t, std::uint64_t> status;
    std::map<std::uint16_t, std::uint64_t> unexpected;
    CauseCounts failed_by{};
    CauseCounts unsent_by{};
    stats::HistogramGain latency;
    stats::HistogramGain service;
    stats::HistogramGain send_lag;
};

/// What an interval of the time series has gained; counts as in Interval.
struct IntervalGain {
    std::uint32_t interval = 0;
    std::uint64_t scheduled = 0;
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
    std::uint64_t timed_out = 0;
    std::uint64_t unsent = 0;
    CauseCounts failed_by{};
    stats::HistogramGain latency;
};

/// What the requests of a kind have gained; counts as in KindResult.
struct KindGain {
    std::uint32_t kind = 0;
    std::uint64_t sent = 0;
    std::uint64_t unsent = 0;
    std::uint64_t answered = 0;
    std::uint64_t unexpected = 0;
    std::uint64_t failed = 0;
    std::uint64_t timed_out = 0;
    stats::HistogramGain latency;
};

struct LinkGain {
    std::uint64_t hot = 0;
    std::uint64_t unknown = 0;
    std::uint64_t other = 0;
    /// Index (rank - 1) and count, ascending.
    std::vector<std::pair<std::uint32_t, std::uint64_t>> tail;

    bool empty() const { return hot == 0 && unknown == 0 && other == 0 && tail.empty(); }
};

/// What a record has gained between two readings: only what changed, so that a run can be told
/// while it goes. Added up, the gains of a record are the record, exactly.
struct Gain {
    std::vector<PhaseGain> phases;     ///< may name a phase twice
    std::vector<IntervalGain> series;  ///< may name an interval twice
    std::vector<KindGain> kinds;       ///< may name a kind twice
    LinkGain links;

    bool empty() const {
        return phases.empty() && series.empty() && kinds.empty() && links.empty();
    }
};

/// Whether a gain is of a run of this shape: its phases, intervals, kinds, links and buckets are
/// there. For gains from elsewhere.
bool fits(const Gain& gain, const RunResult& result);
/// Needs fits().
void add(const Gain& gain, RunResult& result);

/// Puts the gain of another worker with this one.
void append(Gain gain, Gain& to);

/// Cuts a gain into pieces of which none is large, whatever it holds; together they are the gain.
std::vector<Gain> in_pieces(Gain gain);

}  // namespace qck::record
