#include "loadgen/record/gain.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "loadgen/record/run_frame.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::record;

namespace {

scenario::Plan two_phases() {
    scenario::Plan plan;
    for (const char* name : {"one", "two"}) {
        scenario::Phase phase;
        phase.name = name;
        phase.rate_from_per_s = phase.rate_to_per_s = 1000;
        phase.duration = std::chrono::seconds(2);
        plan.phases.push_back(phase);
    }
    plan.requests.resize(3);
    plan.links.tail_count = 50;
    return plan;
}

/// Records sample `n`, of any kind; from n alone.
void record_sample(WorkerRecord& record, std::uint64_t n) {
    SplitMix64 random(n);
    WorkerRecord::Sent sent;
    sent.due_ns = static_cast<std::int64_t>(n) * 1'000'000;
    sent.sent_ns = sent.due_ns + static_cast<std::int64_t>(random.next() % 100'000);
    sent.phase = n < 2000 ? 0 : 1;
    sent.link = static_cast<std::uint32_t>(random.next() % 51);
    sent.kind = static_cast<std::uint8_t>(random.next() % 3);
    const auto ended =
        sent.sent_ns + static_cast<std::int64_t>(random.next() >> (random.next() % 30 + 25));
    record.scheduled(sent.phase, sent.due_ns);
    const std::uint64_t kind = random.next() % 20;
    if (kind == 0) {
        record.unsent(sent.phase, sent.due_ns, ended, ended - sent.due_ns,
                      Cause::no_free_connection, sent.kind);
        return;
    }
    record.sent(sent, 100);
    if (kind == 1) return record.failed(sent, ended, Cause::reset);
    if (kind == 2) return record.timed_out(sent, ended, 1'000'000'000);
    if (kind == 3) return record.left_open(sent, ended);
    record.received(sent.phase, 200);
    record.answered(sent, ended, kind == 4 ? 503 : 302);
}

void check_same(const stats::Histogram& a, const stats::Histogram& b) {
    stats::Histogram none;
    stats::Histogram nothing;
    const auto x = a.take_gain(none);
    const auto y = b.take_gain(nothing);
    CHECK(x.buckets == y.buckets);
    CHECK(x.sum_ns == y.sum_ns);
    CHECK(x.max_ns == y.max_ns);
}

void check_same(const RunResult& a, const RunResult& b) {
    for (std::size_t at = 0; at < a.phases.size(); ++at) {
        const PhaseResult& x = a.phases[at];
        const PhaseResult& y = b.phases[at];
        CHECK(x.accounting == y.accounting);
        CHECK(x.status == y.status);
        CHECK(x.unexpected == y.unexpected);
        CHECK(x.failed_by == y.failed_by);
        CHECK(x.unsent_by == y.unsent_by);
        CHECK(x.bytes_sent == y.bytes_sent);
        CHECK(x.bytes_received == y.bytes_received);
        check_same(x.latency, y.latency);
        check_same(x.service, y.service);
        check_same(x.send_lag, y.send_lag);
    }
    for (std::size_t at = 0; at < a.series.size(); ++at) {
        const Interval& x = a.series[at];
        const Interval& y = b.series[at];
        CHECK(x.scheduled == y.scheduled);
        CHECK(x.sent == y.sent);
        CHECK(x.answered == y.answered);
        CHECK(x.failed == y.failed);
        CHECK(x.failed_by == y.failed_by);
        CHECK(x.timed_out == y.timed_out);
        CHECK(x.unsent == y.unsent);
        CHECK(x.latency.sum_ns() == y.latency.sum_ns());
        CHECK(x.latency.max_ns() == y.latency.max_ns());
        CHECK(x.latency.percentile_ns(0.5) == y.latency.percentile_ns(0.5));
        CHECK(x.latency.count() == y.latency.count());
    }
    REQUIRE(a.kinds.size() == b.kinds.size());
    for (std::size_t at = 0; at < a.kinds.size(); ++at) {
        const KindResult& x = a.kinds[at];
        const KindResult& y = b.kinds[at];
        CHECK(x.sent == y.sent);
        CHECK(x.unsent == y.unsent);
        CHECK(x.answered == y.answered);
        CHECK(x.unexpected == y.unexpected);
        CHECK(x.failed == y.failed);
        CHECK(x.timed_out == y.timed_out);
        check_same(x.latency, y.latency);
    }
    CHECK(a.links.hot == b.links.hot);
    CHECK(a.links.tail == b.links.tail);
    CHECK(a.links.other == b.links.other);
}

}  // namespace

TEST_CASE("what many recorded and told bit by bit is what one process would have recorded",
          "[loadgen][record]") {
    const scenario::Plan plan = two_phases();
    const schedule::Timetable timetable(plan, false);
    const RunFrame frame(plan, timetable, false);
    WorkerRecord one(frame.shape());
    std::vector<std::unique_ptr<WorkerRecord>> many;
    std::vector<std::unique_ptr<WorkerRecord>> told;
    for (int at = 0; at < 7; ++at) {
        many.push_back(std::make_unique<WorkerRecord>(frame.shape()));
        told.push_back(std::make_unique<WorkerRecord>(frame.shape()));
    }
    RunResult merged = frame.empty();
    SplitMix64 random(3);
    for (std::uint64_t n = 0; n < 4000; ++n) {
        record_sample(one, n);
        record_sample(*many[random.next() % many.size()], n);
        if (random.next() % 50 != 0) continue;
        // Two threads of one agent, which tells of both at once.
        const std::size_t teller = random.next() % many.size();
        const std::size_t other = (teller + 1) % many.size();
        Gain gain = many[teller]->take_gain(*told[teller], false);
        append(many[other]->take_gain(*told[other], false), gain);
        for (const Gain& piece : in_pieces(std::move(gain))) {
            REQUIRE(fits(piece, merged));
            const auto rank_falls = [](const auto& a, const auto& b) { return a.first >= b.first; };
            REQUIRE(std::adjacent_find(piece.links.tail.begin(), piece.links.tail.end(),
                                       rank_falls) == piece.links.tail.end());
            add(piece, merged);
        }
    }
    for (std::size_t at = 0; at < many.size(); ++at) {
        for (const Gain& piece : in_pieces(many[at]->take_gain(*told[at], true))) {
            add(piece, merged);
        }
        CHECK(many[at]->take_gain(*told[at], false).empty());
    }
    RunResult whole = frame.empty();
    one.add_to(whole);
    check_same(merged, whole);
    CHECK(whole.kinds.size() == 3);
}

TEST_CASE("a request that only failed since the last word is told, of its kind too",
          "[loadgen][record]") {
    const scenario::Plan plan = two_phases();
    const schedule::Timetable timetable(plan, false);
    const RunFrame frame(plan, timetable, false);
    WorkerRecord record(frame.shape());
    WorkerRecord told(frame.shape());
    WorkerRecord::Sent sent;
    sent.kind = 2;
    record.sent(sent, 100);
    CHECK(record.take_gain(told, false).kinds.at(0).sent == 1);
    CHECK(record.take_gain(told, false).kinds.empty());
    record.failed(sent, 1'000, Cause::reset);
    const Gain gain = record.take_gain(told, false);
    REQUIRE(gain.kinds.size() == 1);
    CHECK(gain.kinds[0].kind == 2);
    CHECK(gain.kinds[0].failed == 1);
    CHECK(gain.kinds[0].sent == 0);
}

TEST_CASE("of a plan of one kind nothing is kept by kind", "[loadgen][record]") {
    scenario::Plan plan = two_phases();
    plan.requests.resize(1);
    const schedule::Timetable timetable(plan, false);
    CHECK(RunFrame(plan, timetable, false).empty().kinds.empty());
}

TEST_CASE("a gain that is of another run does not fit", "[loadgen][record]") {
    const scenario::Plan plan = two_phases();
    const schedule::Timetable timetable(plan, false);
    const RunResult result = RunFrame(plan, timetable, false).empty();
    Gain gain;
    CHECK(fits(gain, result));
    gain.phases.emplace_back().phase = 2;
    CHECK_FALSE(fits(gain, result));
    gain.phases[0].phase = 1;
    gain.phases[0].latency.buckets = {{stats::Histogram::size, 1}};
    CHECK_FALSE(fits(gain, result));
    gain.phases[0].latency.buckets = {{stats::Histogram::size - 1, 1}};
    CHECK(fits(gain, result));
    gain.links.tail = {{50, 1}};
    CHECK_FALSE(fits(gain, result));
    gain.links.tail.clear();
    gain.kinds.emplace_back().kind = 3;
    CHECK_FALSE(fits(gain, result));
    gain.kinds[0].kind = 2;
    CHECK(fits(gain, result));
    gain.kinds[0].latency.buckets = {{stats::Histogram::size, 1}};
    CHECK_FALSE(fits(gain, result));
    gain.kinds.clear();
    gain.series.emplace_back().interval = 1'000'000;
    CHECK_FALSE(fits(gain, result));
}
