#include "cli/commands/bench_replay.hpp"

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "base/version.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::commands {

Result<LogReplay> LogReplay::open(const BenchOptions& options, scenario::Plan& plan) {
    auto reader = replay::LogReader::open(options.log_file, options.log_format);
    if (!reader) return reader.error();
    const double length_ns =
        std::max(std::ceil(static_cast<double>(reader->length_ns()) / options.speed), 1e6);
    if (length_ns > static_cast<double>(scenario::limits::duration_max.count())) {
        return error(Errc::invalid_argument, options.log_file + ": would take longer than " +
                                                 std::string(scenario::limits::duration_max_text) +
                                                 " (raise --speed)");
    }
    plan.phases.front().duration = std::chrono::nanoseconds(static_cast<std::int64_t>(length_ns));
    return LogReplay(options, std::move(*reader));
}

engine::ArrivalFeed& LogReplay::start(const engine::Target& target) {
    replay::LogFeed::Config config;
    config.host_header = target.host_header();
    config.path_prefix = target.path;
    while (config.path_prefix.ends_with('/')) config.path_prefix.pop_back();
    config.user_agent = "qck/" + std::string(version) + " (load test)";
    config.speed = speed_;
    feed_ = std::make_unique<replay::LogFeed>(std::move(*reader_), std::move(config));
    reader_.reset();
    feed_->wait_until_ahead();
    return *feed_;
}

void LogReplay::settle(scenario::Plan& plan, record::RunResult& run) const {
    if (run.phases.empty()) return;
    record::PhaseResult& phase = run.phases.front();
    const double seconds = std::chrono::duration<double>(phase.duration).count();
    if (!(seconds > 0)) return;
    phase.target_rate_per_s = static_cast<double>(phase.accounting.scheduled) / seconds;
    plan.phases.front().rate_from_per_s = plan.phases.front().rate_to_per_s =
        phase.target_rate_per_s;
}

report::LogReport LogReplay::report() const {
    const replay::LineCounts counts = feed_->counts();
    report::LogReport report;
    report.file = file_;
    report.format = to_string(format_);
    report.speed = speed_;
    report.lines = counts.lines;
    report.requests = counts.requests;
    report.other_method = counts.other_method;
    report.malformed = counts.malformed;
    report.out_of_order = counts.out_of_order;
    for (const auto& [line, why] : counts.first_malformed) {
        report.first_malformed.push_back("line " + std::to_string(line) + ": " + why);
    }
    return report;
}

}  // namespace qck::commands
