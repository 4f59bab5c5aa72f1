#include "loadgen/record/worker_record.hpp"

#include <set>
#include <string>

#include "loadgen/scenario/link_rank.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using record::Cause;
using record::RecordShape;
using record::RunResult;
using record::WorkerRecord;

namespace {

constexpr std::int64_t ms = 1'000'000;

RunResult result_of(const RecordShape& shape, std::initializer_list<const WorkerRecord*> records) {
    RunResult result;
    result.phases.resize(shape.phases);
    result.series.resize(shape.intervals);
    result.kinds.resize(shape.kinds);
    for (const WorkerRecord* one : records) one->add_to(result);
    return result;
}

WorkerRecord::Sent request(std::int64_t due_ns, std::int64_t sent_ns, std::uint16_t phase = 0,
                           std::uint32_t link = scenario::link_hot) {
    WorkerRecord::Sent sent;
    sent.due_ns = due_ns;
    sent.sent_ns = sent_ns;
    sent.phase = phase;
    sent.link = link;
    return sent;
}

}  // namespace

TEST_CASE("an interval is 100 ms, or longer so that there are at most 600", "[loadgen][record]") {
    CHECK(RecordShape::of(1, 10'000 * ms, 0, 0).interval_ns == 100 * ms);
    CHECK(RecordShape::of(1, 60'000 * ms, 0, 0).interval_ns == 100 * ms);
    CHECK(RecordShape::of(1, 600'000 * ms, 0, 0).interval_ns == 1000 * ms);
    // An hour's timeout on a short run does not need an hour of intervals.
    CHECK(RecordShape::of(1, 1'000 * ms, 3'600'000 * ms, 0).intervals < 700);
}

TEST_CASE("a request belongs to the phase and interval of its due time", "[loadgen][record]") {
    const RecordShape shape = RecordShape::of(2, 1'000 * ms, 1'000 * ms, 0);
    WorkerRecord worker(shape);
    const auto late = request(150 * ms, 420 * ms);
    worker.scheduled(0, late.due_ns);
    worker.sent(late, 80);
    worker.answered(late, 730 * ms, 302);
    const RunResult result = result_of(shape, {&worker});
    CHECK(result.phases[0].accounting.answered == 1);
    CHECK(result.phases[1].accounting.scheduled == 0);
    CHECK(result.phases[0].latency.max_ns() == 580 * ms);
    CHECK(result.phases[0].service.max_ns() == 310 * ms);
    CHECK(result.phases[0].send_lag.max_ns() == 270 * ms);
    CHECK(result.series[4].sent == 1);
    CHECK(result.series[7].answered == 1);
    CHECK(result.series[1].latency.count() == 1);
    CHECK(result.phases[0].bytes_sent == 80);
}

TEST_CASE("records of workers add up", "[loadgen][record]") {
    const RecordShape shape = RecordShape::of(1, 1'000 * ms, 1'000 * ms, 3);
    WorkerRecord one(shape);
    WorkerRecord two(shape);
    for (WorkerRecord* worker : {&one, &two}) {
        for (int times = 0; times < 6; ++times) worker->scheduled(0, 0);
        const auto first = request(0, 1 * ms);
        for (int times = 0; times < 5; ++times) worker->sent(first, 1);
        worker->answered(first, 2 * ms, 302);
        worker->answered(request(0, 1 * ms, 0, 2), 2 * ms, 301);
        worker->failed(first, 3 * ms, Cause::reset);
        worker->timed_out(first, 500 * ms, 500 * ms);
        worker->left_open(first, 900 * ms);
        worker->unsent(0, 0, 500 * ms, 500 * ms, Cause::no_free_connection);
    }
    const RunResult result = result_of(shape, {&one, &two});
    const record::Accounting expected{12, 10, 2, 4, 2, 2, 2};
    CHECK(result.phases[0].accounting == expected);
    CHECK(expected.closes());
    CHECK(result.links.hot == 2);
    CHECK(result.links.tail == std::vector<std::uint64_t>{0, 2, 0});
    CHECK(result.phases[0].failed_by[static_cast<std::size_t>(Cause::reset)] == 2);
    // The unanswered count with their timeout or their age.
    CHECK(result.phases[0].latency.count() == 10);
    CHECK(result.phases[0].latency.max_ns() == 900 * ms);
}

TEST_CASE("only answers that redirect count for a link", "[loadgen][record]") {
    const RecordShape shape = RecordShape::of(1, 1'000 * ms, 0, 0);
    WorkerRecord worker(shape);
    for (const std::uint16_t status : {301, 302, 307, 308, 200, 404, 503, 599, 999}) {
        worker.answered(request(0, 0), ms, status);
    }
    worker.answered(request(0, 0, 0, scenario::link_unknown), ms, 404);
    worker.answered(request(0, 0, 0, scenario::link_none), ms, 302);
    const RunResult result = result_of(shape, {&worker});
    CHECK(result.links.hot == 4);
    CHECK(result.links.unknown == 1);
    CHECK(result.links.other == 6);
}

TEST_CASE("an answer that the plan did not ask for is told from one that it did",
          "[loadgen][record]") {
    const RecordShape shape = RecordShape::of(1, 1'000 * ms, 0, 0);
    WorkerRecord worker(shape);
    for (const std::uint16_t status : {200, 302, 404, 404, 429, 503}) {
        worker.answered(request(0, 0), ms, status);
    }
    // A code that is to be nobody's is rightly not found; and no more than that.
    for (const std::uint16_t status : {404, 410, 400, 500}) {
        worker.answered(request(0, 0, 0, scenario::link_unknown), ms, status);
    }
    // What a log was refused, the target may refuse again; but not for being asked too fast.
    auto logged = request(0, 0, 0, scenario::link_none);
    logged.may_be_refused = true;
    for (const std::uint16_t status : {404, 403, 429, 408, 502}) {
        worker.answered(logged, ms, status);
    }
    const RunResult result = result_of(shape, {&worker});
    using Counts = std::map<std::uint16_t, std::uint64_t>;
    CHECK(result.phases[0].unexpected ==
          Counts{{400, 1}, {404, 2}, {408, 1}, {429, 2}, {500, 1}, {502, 1}, {503, 1}});
    CHECK(result.phases[0].unexpected_count() == 9);
}

TEST_CASE("a kind of request that says what it expects is held to that alone",
          "[loadgen][record]") {
    RecordShape shape = RecordShape::of(1, 1'000 * ms, 0, 0);
    shape.expect = {{}, {401, 409}};
    WorkerRecord worker(shape);
    for (const std::uint16_t status : {200, 401, 404}) worker.answered(request(0, 0), ms, status);
    auto other = request(0, 0, 0, scenario::link_unknown);
    other.kind = 1;
    for (const std::uint16_t status : {200, 401, 404, 409, 410, 500}) {
        worker.answered(other, ms, status);
    }
    const RunResult result = result_of(shape, {&worker});
    using Counts = std::map<std::uint16_t, std::uint64_t>;
    CHECK(result.phases[0].unexpected == Counts{{200, 1}, {401, 1}, {404, 2}, {410, 1}, {500, 1}});
}

TEST_CASE("requests of several kinds are told apart, and sum to all whose kind is known",
          "[loadgen][record]") {
    RecordShape shape = RecordShape::of(1, 1'000 * ms, 0, 0);
    shape.kinds = 2;
    WorkerRecord worker(shape);
    auto read = request(0, ms);
    auto write = request(0, ms);
    write.kind = 1;
    for (const auto& one : {read, read, read, read, write, write}) worker.sent(one, 10);
    worker.answered(read, 2 * ms, 302);
    worker.answered(read, 3 * ms, 503);
    worker.failed(read, 4 * ms, Cause::reset);
    worker.lost_behind_timeout(read, 900 * ms, 900 * ms);
    worker.timed_out(write, 800 * ms, 800 * ms);
    worker.left_open(write, 700 * ms);
    worker.unsent(0, 0, 600 * ms, 600 * ms, Cause::no_free_connection);
    worker.unsent(0, 0, 950 * ms, 950 * ms, Cause::no_free_connection, std::uint8_t{1});
    const RunResult result = result_of(shape, {&worker, &worker});
    const record::KindResult& reads = result.kinds[0];
    const record::KindResult& writes = result.kinds[1];
    CHECK(reads.sent == 8);
    CHECK(reads.answered == 4);
    CHECK(reads.unexpected == 2);
    CHECK(reads.failed == 4);
    CHECK(reads.timed_out == 0);
    CHECK(reads.latency.count() == 6);
    CHECK(reads.latency.max_ns() == 900 * ms);
    CHECK(writes.sent == 4);
    CHECK(writes.answered == 0);
    CHECK(writes.timed_out == 2);
    CHECK(writes.unsent == 2);
    CHECK(writes.latency.count() == 6);
    CHECK(writes.latency.max_ns() == 950 * ms);
    const record::PhaseResult& all = result.phases[0];
    CHECK(reads.sent + writes.sent == all.accounting.sent);
    CHECK(reads.answered + writes.answered == all.accounting.answered);
    CHECK(reads.failed + writes.failed == all.accounting.failed);
    CHECK(reads.timed_out + writes.timed_out == all.accounting.timed_out);
    // And one of no known kind from each.
    CHECK(reads.latency.count() + writes.latency.count() + 2 == all.latency.count());
}

TEST_CASE("what happens after the last interval is counted in it", "[loadgen][record]") {
    const RecordShape shape = RecordShape::of(1, 1'000 * ms, 0, 0);
    WorkerRecord worker(shape);
    worker.answered(request(0, 0), 1'000'000 * ms, 302);
    const RunResult result = result_of(shape, {&worker});
    CHECK(result.series.back().answered == 1);
}

TEST_CASE("every cause has a name of its own", "[loadgen][record]") {
    std::set<std::string> names;
    for (std::size_t at = 0; at < record::cause_count; ++at) {
        names.insert(record::cause_name(static_cast<Cause>(at)));
    }
    CHECK(names.size() == record::cause_count);
}
