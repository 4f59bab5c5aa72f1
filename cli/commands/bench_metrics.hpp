#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/net/address.hpp"
#include "base/net/fd.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_run.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// `--metrics HOST:PORT`: answers `GET /metrics` with how the run goes, on a thread of its own that
/// has nothing to do with the load. It shows what show() was told last, and reads one request of at
/// most 8 KB at a time, for at most a second; everything but /metrics is 404. Ends with its object.
class BenchMetrics {
public:
    /// As listen(), by --metrics, and says on stderr where it is; null when nobody wants it.
    static Result<std::unique_ptr<BenchMetrics>> wanted_by(const BenchOptions& options);
    /// What tells `metrics`, which may be null, how a run goes.
    static ProgressSink sink_of(BenchMetrics* metrics);
    /// Port 0 takes a free one. Fails when `address` cannot be listened on; the error names the
    /// flag.
    static Result<std::unique_ptr<BenchMetrics>> listen(const std::string& address);
    ~BenchMetrics();
    BenchMetrics(const BenchMetrics&) = delete;
    BenchMetrics& operator=(const BenchMetrics&) = delete;

    /// `http://127.0.0.1:9464/metrics`.
    const std::string& url() const { return url_; }
    /// Any thread.
    void show(const scenario::Plan& plan, const record::Progress& progress);

private:
    BenchMetrics(net::Fd listener, net::Fd stop, std::string url);
    void serve();
    void answer(const net::Fd& client);
    std::string page() const;

    const net::Fd listener_;
    const net::Fd stop_;  ///< an eventfd; readable when the thread is to end
    const std::string url_;
    mutable std::mutex mutex_;
    std::string scenario_;  ///< guarded by mutex_, as are the next two
    std::string phase_;
    record::Progress progress_;
    std::thread thread_;
};

}  // namespace qck::commands
