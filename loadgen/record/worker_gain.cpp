#include "loadgen/record/worker_record.hpp"

namespace qck::record {
namespace {

/// What `now` has more than `seen`, which follows.
std::uint64_t take(const Counter& now, Counter& seen) {
    const std::uint64_t value = now.value();
    const std::uint64_t gained = value - seen.value();
    seen.set(value);
    return gained;
}

CauseCounts take(const std::array<Counter, cause_count>& now,
                 std::array<Counter, cause_count>& seen) {
    CauseCounts gained{};
    for (std::size_t cause = 0; cause < cause_count; ++cause) {
        gained[cause] = take(now[cause], seen[cause]);
    }
    return gained;
}

}  // namespace

void WorkerRecord::take_phase_gain(std::uint32_t at, WorkerRecord& seen, bool whole,
                                   Gain& gain) const {
    const PhaseCells& now = phases_[at];
    PhaseCells& before = seen.phases_[at];
    // Whatever is recorded of a request raises one of these too.
    if (!whole && now.accounting() == before.accounting()) return;
    PhaseGain& phase = gain.phases.emplace_back();
    phase.phase = at;
    phase.accounting.scheduled = take(now.scheduled, before.scheduled);
    phase.accounting.unsent = take(now.unsent, before.unsent);
    phase.accounting.answered = take(now.answered, before.answered);
    phase.accounting.failed = take(now.failed, before.failed);
    phase.accounting.timed_out = take(now.timed_out, before.timed_out);
    phase.accounting.in_flight = take(now.in_flight, before.in_flight);
    phase.accounting.sent = take(now.sent, before.sent);
    phase.bytes_sent = take(now.bytes_sent, before.bytes_sent);
    phase.bytes_received = take(now.bytes_received, before.bytes_received);
    for (std::size_t status = 0; status < status_count; ++status) {
        const std::uint64_t gained = take(now.status[status], before.status[status]);
        const std::uint64_t unexpected = take(now.unexpected[status], before.unexpected[status]);
        const auto code = static_cast<std::uint16_t>(status + status_first);
        if (gained != 0) phase.status[code] = gained;
        if (unexpected != 0) phase.unexpected[code] = unexpected;
    }
    phase.failed_by = take(now.failed_by, before.failed_by);
    phase.unsent_by = take(now.unsent_by, before.unsent_by);
    phase.latency = now.latency.take_gain(before.latency);
    phase.service = now.service.take_gain(before.service);
    phase.send_lag = now.send_lag.take_gain(before.send_lag);
}

void WorkerRecord::take_interval_gain(std::uint32_t at, WorkerRecord& seen, bool whole,
                                      Gain& gain) const {
    const IntervalCells& now = intervals_[at];
    IntervalCells& before = seen.intervals_[at];
    const bool same = now.scheduled.value() == before.scheduled.value() &&
                      now.sent.value() == before.sent.value() &&
                      now.answered.value() == before.answered.value() &&
                      now.failed.value() == before.failed.value() &&
                      now.latency.sum_ns() == before.latency.sum_ns();
    if (same && !whole) return;
    IntervalGain interval;
    interval.interval = at;
    interval.scheduled = take(now.scheduled, before.scheduled);
    interval.sent = take(now.sent, before.sent);
    interval.answered = take(now.answered, before.answered);
    interval.failed = take(now.failed, before.failed);
    interval.timed_out = take(now.timed_out, before.timed_out);
    interval.unsent = take(now.unsent, before.unsent);
    interval.failed_by = take(now.failed_by, before.failed_by);
    interval.latency = now.latency.take_gain(before.latency);
    if (same && interval.timed_out == 0 && interval.unsent == 0 && interval.latency.empty() &&
        interval.failed_by == CauseCounts{}) {
        return;
    }
    gain.series.push_back(std::move(interval));
}

void WorkerRecord::take_kind_gain(std::uint32_t at, WorkerRecord& seen, bool whole,
                                  Gain& gain) const {
    const KindCells& now = kinds_[at];
    KindCells& before = seen.kinds_[at];
    // Whatever is recorded of a request raises one of these, but for one left open at the end.
    const bool same = now.sent.value() == before.sent.value() &&
                      now.unsent.value() == before.unsent.value() &&
                      now.answered.value() == before.answered.value() &&
                      now.failed.value() == before.failed.value() &&
                      now.timed_out.value() == before.timed_out.value();
    if (same && !whole) return;
    KindGain kind;
    kind.kind = at;
    kind.unsent = take(now.unsent, before.unsent);
    kind.answered = take(now.answered, before.answered);
    kind.unexpected = take(now.unexpected, before.unexpected);
    kind.failed = take(now.failed, before.failed);
    kind.timed_out = take(now.timed_out, before.timed_out);
    // After those: what has ended was sent.
    kind.sent = take(now.sent, before.sent);
    kind.latency = now.latency.take_gain(before.latency);
    gain.kinds.push_back(std::move(kind));
}

void WorkerRecord::take_link_gain(WorkerRecord& seen, Gain& gain) const {
    gain.links.hot = take(links_.hot, seen.links_.hot);
    gain.links.unknown = take(links_.unknown, seen.links_.unknown);
    gain.links.other = take(links_.other, seen.links_.other);
    for (std::size_t at = 0; at < links_.tail.size(); ++at) {
        const std::uint64_t gained = take(links_.tail[at], seen.links_.tail[at]);
        if (gained != 0) gain.links.tail.emplace_back(static_cast<std::uint32_t>(at), gained);
    }
}

Gain WorkerRecord::take_gain(WorkerRecord& seen, bool whole) const {
    Gain gain;
    for (std::uint32_t at = 0; at < phases_.size(); ++at) take_phase_gain(at, seen, whole, gain);
    for (std::uint32_t at = 0; at < intervals_.size(); ++at) {
        take_interval_gain(at, seen, whole, gain);
    }
    for (std::uint32_t at = 0; at < kinds_.size(); ++at) take_kind_gain(at, seen, whole, gain);
    take_link_gain(seen, gain);
    return gain;
}

}  // namespace qck::record
