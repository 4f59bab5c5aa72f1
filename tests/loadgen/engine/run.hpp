#pragma once

#include <string>

#include "loadgen/engine/engine.hpp"
#include "tests/support/catch.hpp"

namespace qck::test {

/// A plan of one constant phase of GETs for the link `viral`.
inline scenario::Plan plan_of(double rate_per_s, std::chrono::nanoseconds duration) {
    scenario::Plan plan;
    plan.name = "test";
    plan.phases = {{"only", scenario::Shape::constant, rate_per_s, rate_per_s, duration}};
    plan.requests = {scenario::RequestKind{}};
    plan.connections = 16;
    plan.timeout = std::chrono::seconds(2);
    return plan;
}

inline engine::EngineConfig config_of(const std::string& url) {
    auto target = engine::find_target(url);
    REQUIRE(target.has_value());
    engine::EngineConfig config;
    config.target = std::move(*target);
    return config;
}

/// Runs to the end. What must hold of every run is checked here.
inline record::RunResult run(const scenario::Plan& plan, const engine::EngineConfig& config) {
    auto engine = engine::Engine::start(plan, config);
    REQUIRE(engine.has_value());
    auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    for (const record::PhaseResult& phase : result->phases) {
        const record::Accounting& sum = phase.accounting;
        CAPTURE(phase.name, sum.scheduled, sum.sent, sum.unsent, sum.answered, sum.failed,
                sum.timed_out, sum.in_flight);
        CHECK(sum.closes());
        std::uint64_t failed = 0, unsent = 0, answered = 0;
        for (const auto count : phase.failed_by) failed += count;
        for (const auto count : phase.unsent_by) unsent += count;
        for (const auto& [status, count] : phase.status) answered += count;
        CHECK(failed == sum.failed);
        CHECK(unsent == sum.unsent);
        CHECK(answered == sum.answered);
        CHECK(phase.service.count() == sum.answered);
        CHECK(phase.send_lag.count() == sum.sent);
        const auto ended = phase.unsent_by[static_cast<std::size_t>(record::Cause::run_ended)];
        const auto behind =
            phase.failed_by[static_cast<std::size_t>(record::Cause::behind_timeout)];
        CHECK(phase.latency.count() == sum.scheduled - sum.failed - ended + behind);
    }
    record::Accounting series;
    for (const record::Interval& interval : result->series) {
        series.scheduled += interval.scheduled;
        series.sent += interval.sent;
        series.answered += interval.answered;
        series.unsent += interval.unsent;
        series.timed_out += interval.timed_out;
    }
    const record::Accounting total = result->total();
    CHECK(series.scheduled == total.scheduled);
    CHECK(series.sent == total.sent);
    CHECK(series.answered == total.answered);
    CHECK(series.unsent == total.unsent);
    CHECK(series.timed_out == total.timed_out);
    return std::move(*result);
}

inline std::uint64_t failed_by(const record::RunResult& result, record::Cause cause) {
    std::uint64_t sum = 0;
    for (const auto& phase : result.phases) sum += phase.failed_by[static_cast<std::size_t>(cause)];
    return sum;
}
inline std::uint64_t unsent_by(const record::RunResult& result, record::Cause cause) {
    std::uint64_t sum = 0;
    for (const auto& phase : result.phases) sum += phase.unsent_by[static_cast<std::size_t>(cause)];
    return sum;
}

}  // namespace qck::test
