#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cli/commands/bench_options.hpp"
#include "loadgen/engine/target.hpp"
#include "loadgen/replay/log_feed.hpp"
#include "loadgen/report/report.hpp"

namespace qck::commands {

/// A log that is to be replayed: opened before anything else is done, read while the load runs.
class LogReplay {
public:
    /// Fails when the file has no request; sets the length of the plan's phase.
    static Result<LogReplay> open(const BenchOptions& options, scenario::Plan& plan);

    /// Begins to read ahead; what the engine is to be fed from. Lives as long as this object.
    engine::ArrivalFeed& start(const engine::Target& target);

    /// After the run: gives the plan and the run the rate that the log had, which nobody knew
    /// before.
    void settle(scenario::Plan& plan, record::RunResult& run) const;
    /// What became of the lines.
    report::LogReport report() const;
    /// Why the file could not be read to its end, where it could not.
    std::optional<Error> failure() const { return feed_->failure(); }

private:
    LogReplay(const BenchOptions& options, replay::LogReader reader)
        : file_(options.log_file),
          speed_(options.speed),
          format_(reader.format()),
          reader_(std::move(reader)) {}

    std::string file_;
    double speed_;
    replay::LogFormat format_;
    std::optional<replay::LogReader> reader_;
    std::unique_ptr<replay::LogFeed> feed_;
};

}  // namespace qck::commands
