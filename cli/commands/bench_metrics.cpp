#include "cli/commands/bench_metrics.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "loadgen/report/run_metrics.hpp"

namespace qck::commands {

Result<std::unique_ptr<BenchMetrics>> BenchMetrics::wanted_by(const BenchOptions& options) {
    if (options.metrics.empty()) return nullptr;
    auto metrics = listen(options.metrics);
    if (metrics && !options.quiet) {
        std::fprintf(stderr, "qck bench: metrics at %s\n", (*metrics)->url().c_str());
    }
    return metrics;
}

ProgressSink BenchMetrics::sink_of(BenchMetrics* metrics) {
    if (metrics == nullptr) return {};
    return [metrics](const scenario::Plan& plan, const record::Progress& progress) {
        metrics->show(plan, progress);
    };
}

Result<std::unique_ptr<BenchMetrics>> BenchMetrics::listen(const std::string& address) {
    std::unique_ptr<BenchMetrics> metrics(new BenchMetrics);
    const auto page = [shown = metrics.get()] {
        return PageAnswer{200, "text/plain; version=0.0.4; charset=utf-8", shown->page(), ""};
    };
    // Prometheus asks by whatever name it knows.
    PageSite site;
    site.thread_name = "qck-metrics";
    site.routes.push_back({"GET", "/metrics", page, ""});
    auto server = PageServer::start(address, std::move(site));
    if (!server) return error(server.error().code, "--metrics: " + server.error().message);
    metrics->server_ = std::move(*server);
    return metrics;
}

void BenchMetrics::show(const scenario::Plan& plan, const record::Progress& progress) {
    const std::lock_guard lock(mutex_);
    scenario_ = plan.name;
    phase_.clear();
    if (!plan.phases.empty()) {
        phase_ = plan.phases[std::min(progress.phase, plan.phases.size() - 1)].name;
    }
    progress_ = progress;
}

std::string BenchMetrics::page() const {
    const std::lock_guard lock(mutex_);
    return report::to_prometheus(scenario_, phase_, progress_);
}

}  // namespace qck::commands
