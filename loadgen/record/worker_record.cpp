#include "loadgen/record/worker_record.hpp"

#include <algorithm>
#include <limits>

#include "loadgen/scenario/link_rank.hpp"

namespace qck::record {
namespace {

bool is_redirect(std::uint16_t status) {
    return status == 301 || status == 302 || status == 307 || status == 308;
}

void add_causes(CauseCounts& to, const std::array<Counter, cause_count>& from) {
    for (std::size_t cause = 0; cause < cause_count; ++cause) to[cause] += from[cause].value();
}

}  // namespace

RecordShape RecordShape::of(std::size_t phases, std::int64_t run_ns, std::int64_t drain_ns,
                            std::uint32_t tail_links) {
    constexpr std::int64_t interval_min_ns = 100'000'000;
    constexpr std::int64_t intervals_max = 600;
    RecordShape shape;
    shape.phases = phases;
    shape.interval_ns = std::max(interval_min_ns, (run_ns + intervals_max - 1) / intervals_max);
    const std::int64_t length = run_ns + std::min(drain_ns, intervals_max * shape.interval_ns);
    shape.intervals = static_cast<std::size_t>(length / shape.interval_ns) + 2;
    shape.tail_links = tail_links;
    return shape;
}

WorkerRecord::WorkerRecord(const RecordShape& shape)
    : shape_(shape), phases_(shape.phases), intervals_(shape.intervals), kinds_(shape.kinds) {
    links_.tail = std::vector<Counter>(shape.tail_links);
}

std::size_t WorkerRecord::interval_of(std::int64_t at_ns) const {
    const std::int64_t index = std::max<std::int64_t>(at_ns, 0) / shape_.interval_ns;
    return std::min(static_cast<std::size_t>(index), intervals_.size() - 1);
}

void WorkerRecord::latency(std::uint32_t phase, std::int64_t due_ns, std::int64_t ns) {
    phases_[phase].latency.record(ns);
    due_at_.of(due_ns, *this).latency.record(ns);
}

void WorkerRecord::latency(const Sent& request, std::int64_t ns) {
    latency(request.phase, request.due_ns, ns);
    if (!kinds_.empty()) kinds_[request.kind].latency.record(ns);
}

/// Whether the plan asked for such an answer: where it does not say, any below 400, and of a code
/// that is to be nobody's that it is not there. To be told to slow down, or that one was too slow,
/// nobody asks for.
bool WorkerRecord::is_expected(const Sent& request, std::uint16_t status) const {
    if (request.kind < shape_.expect.size()) {
        const std::vector<std::uint16_t>& asked = shape_.expect[request.kind];
        if (!asked.empty()) return std::find(asked.begin(), asked.end(), status) != asked.end();
    }
    if (status < 400) return true;
    if (request.link == scenario::link_unknown) return status == 404 || status == 410;
    return request.may_be_refused && status < 500 && status != 408 && status != 429;
}

void WorkerRecord::sent(const Sent& request, std::uint64_t bytes) {
    PhaseCells& phase = phases_[request.phase];
    phase.sent.add();
    phase.bytes_sent.add(bytes);
    phase.send_lag.record(request.sent_ns - request.due_ns);
    interval_now(request.sent_ns).sent.add();
    count(request.kind, &KindCells::sent);
}

void WorkerRecord::answered(const Sent& request, std::int64_t now_ns, std::uint16_t status) {
    PhaseCells& phase = phases_[request.phase];
    phase.answered.add();
    phase.service.record(now_ns - request.sent_ns);
    const std::size_t cell = std::min<std::size_t>(status - status_first, status_count - 1);
    phase.status[cell].add();
    count(request.kind, &KindCells::answered);
    if (!is_expected(request, status)) {
        phase.unexpected[cell].add();
        count(request.kind, &KindCells::unexpected);
    }
    interval_now(now_ns).answered.add();
    latency(request, now_ns - request.due_ns);
    if (request.link == scenario::link_unknown && status == 404) {
        links_.unknown.add();
    } else if (is_redirect(status) && request.link == scenario::link_hot) {
        links_.hot.add();
    } else if (is_redirect(status) && request.link <= links_.tail.size()) {
        links_.tail[request.link - 1].add();
    } else {
        links_.other.add();
    }
}

void WorkerRecord::failed(const Sent& request, std::int64_t now_ns, Cause cause) {
    PhaseCells& phase = phases_[request.phase];
    phase.failed.add();
    phase.failed_by[static_cast<std::size_t>(cause)].add();
    IntervalCells& interval = interval_now(now_ns);
    interval.failed.add();
    interval.failed_by[static_cast<std::size_t>(cause)].add();
    count(request.kind, &KindCells::failed);
}

void WorkerRecord::timed_out(const Sent& request, std::int64_t now_ns, std::int64_t timeout_ns) {
    phases_[request.phase].timed_out.add();
    IntervalCells& interval = interval_now(now_ns);
    interval.failed.add();
    interval.timed_out.add();
    count(request.kind, &KindCells::timed_out);
    latency(request, timeout_ns);
}

void WorkerRecord::lost_behind_timeout(const Sent& request, std::int64_t now_ns,
                                       std::int64_t timeout_ns) {
    failed(request, now_ns, Cause::behind_timeout);
    latency(request, timeout_ns);
}

void WorkerRecord::left_open(const Sent& request, std::int64_t now_ns) {
    phases_[request.phase].in_flight.add();
    latency(request, now_ns - request.due_ns);
}

void WorkerRecord::unsent(std::uint32_t phase, std::int64_t due_ns, std::int64_t now_ns,
                          std::int64_t waited_ns, Cause cause, std::optional<std::uint8_t> kind) {
    phases_[phase].unsent.add();
    phases_[phase].unsent_by[static_cast<std::size_t>(cause)].add();
    IntervalCells& interval = interval_now(now_ns);
    interval.failed.add();
    interval.unsent.add();
    if (kind) count(*kind, &KindCells::unsent);
    if (cause == Cause::run_ended) return;
    latency(phase, due_ns, waited_ns);
    if (kind && !kinds_.empty()) kinds_[*kind].latency.record(waited_ns);
}

void WorkerRecord::unsent_all(std::uint32_t phase, std::uint64_t count, std::int64_t due_ns,
                              std::int64_t now_ns, std::int64_t waited_ns, Cause cause) {
    PhaseCells& cells = phases_[phase];
    cells.scheduled.add(count);
    cells.unsent.add(count);
    cells.unsent_by[static_cast<std::size_t>(cause)].add(count);
    IntervalCells& due = intervals_[interval_of(due_ns)];
    due.scheduled.add(count);
    IntervalCells& interval = interval_now(now_ns);
    interval.failed.add(count);
    interval.unsent.add(count);
    if (cause == Cause::run_ended) return;
    cells.latency.record(waited_ns, count);
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    due.latency.record(waited_ns, static_cast<std::uint32_t>(std::min(count, most)));
}

std::int64_t WorkerRecord::interval_end_ns(std::int64_t at_ns) const {
    const auto index = static_cast<std::int64_t>(interval_of(at_ns));
    if (static_cast<std::size_t>(index) + 1 == intervals_.size()) {
        return std::numeric_limits<std::int64_t>::max();
    }
    return (index + 1) * shape_.interval_ns;
}

Accounting WorkerRecord::PhaseCells::accounting() const {
    Accounting now;
    now.scheduled = scheduled.value();
    now.unsent = unsent.value();
    now.answered = answered.value();
    now.failed = failed.value();
    now.timed_out = timed_out.value();
    now.in_flight = in_flight.value();
    // Last: what has ended was sent.
    now.sent = sent.value();
    return now;
}

void WorkerRecord::add_phase(const PhaseCells& cells, PhaseResult& phase) {
    phase.accounting += cells.accounting();
    phase.bytes_sent += cells.bytes_sent.value();
    phase.bytes_received += cells.bytes_received.value();
    phase.latency.add(cells.latency);
    phase.service.add(cells.service);
    phase.send_lag.add(cells.send_lag);
    for (std::size_t at = 0; at < status_count; ++at) {
        const std::uint64_t count = cells.status[at].value();
        if (count == 0) continue;
        const auto status = static_cast<std::uint16_t>(at + status_first);
        phase.status[status] += count;
        const std::uint64_t unexpected = cells.unexpected[at].value();
        if (unexpected != 0) phase.unexpected[status] += unexpected;
    }
    add_causes(phase.failed_by, cells.failed_by);
    add_causes(phase.unsent_by, cells.unsent_by);
}

void WorkerRecord::add_to(RunResult& result) const {
    for (std::size_t at = 0; at < phases_.size(); ++at) add_phase(phases_[at], result.phases[at]);
    for (std::size_t at = 0; at < intervals_.size(); ++at) {
        Interval& interval = result.series[at];
        interval.scheduled += intervals_[at].scheduled.value();
        interval.sent += intervals_[at].sent.value();
        interval.answered += intervals_[at].answered.value();
        interval.failed += intervals_[at].failed.value();
        interval.timed_out += intervals_[at].timed_out.value();
        interval.unsent += intervals_[at].unsent.value();
        add_causes(interval.failed_by, intervals_[at].failed_by);
        interval.latency.add(intervals_[at].latency);
    }
    for (std::size_t at = 0; at < kinds_.size(); ++at) {
        KindResult& kind = result.kinds[at];
        kind.sent += kinds_[at].sent.value();
        kind.unsent += kinds_[at].unsent.value();
        kind.answered += kinds_[at].answered.value();
        kind.unexpected += kinds_[at].unexpected.value();
        kind.failed += kinds_[at].failed.value();
        kind.timed_out += kinds_[at].timed_out.value();
        kind.latency.add(kinds_[at].latency);
    }
    result.links.hot += links_.hot.value();
    result.links.unknown += links_.unknown.value();
    result.links.other += links_.other.value();
    result.links.tail.resize(links_.tail.size());
    for (std::size_t at = 0; at < links_.tail.size(); ++at) {
        result.links.tail[at] += links_.tail[at].value();
    }
}

Accounting WorkerRecord::so_far() const {
    Accounting sum;
    for (const PhaseCells& cells : phases_) {
        sum.sent += cells.sent.value();
        sum.unsent += cells.unsent.value();
        sum.answered += cells.answered.value();
        sum.failed += cells.failed.value();
        sum.timed_out += cells.timed_out.value();
    }
    const std::uint64_t ended = sum.answered + sum.failed + sum.timed_out;
    sum.in_flight = sum.sent > ended ? sum.sent - ended : 0;
    return sum;
}

void WorkerRecord::add_latencies(std::size_t from, std::size_t to,
                                 stats::CoarseHistogram& to_histogram) const {
    for (std::size_t at = from; at < std::min(to, intervals_.size()); ++at) {
        to_histogram.add(intervals_[at].latency);
    }
}

}  // namespace qck::record
