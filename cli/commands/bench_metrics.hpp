#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/error.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_run.hpp"
#include "cli/commands/page_server.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// `--metrics HOST:PORT`: answers `GET /metrics` with how the run goes, on a thread of its own that
/// has nothing to do with the load (PageServer). It shows what show() was told last; everything but
/// /metrics is 404. Ends with its object.
class BenchMetrics {
public:
    /// As listen(), by --metrics, and says on stderr where it is; null when nobody wants it.
    static Result<std::unique_ptr<BenchMetrics>> wanted_by(const BenchOptions& options);
    /// What tells `metrics`, which may be null, how a run goes.
    static ProgressSink sink_of(BenchMetrics* metrics);
    /// Port 0 takes a free one. Fails when `address` cannot be listened on; the error names the
    /// flag.
    static Result<std::unique_ptr<BenchMetrics>> listen(const std::string& address);
    BenchMetrics(const BenchMetrics&) = delete;
    BenchMetrics& operator=(const BenchMetrics&) = delete;

    /// `http://127.0.0.1:9464/metrics`.
    std::string url() const { return server_->origin() + "/metrics"; }
    /// Any thread.
    void show(const scenario::Plan& plan, const record::Progress& progress);

private:
    BenchMetrics() = default;
    std::string page() const;

    mutable std::mutex mutex_;
    std::string scenario_;  ///< guarded by mutex_, as are the next two
    std::string phase_;
    record::Progress progress_;
    std::unique_ptr<PageServer> server_;  ///< last, as it asks for page()
};

}  // namespace qck::commands
