#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "services/clicks/alert_queue.hpp"
#include "services/clicks/click_counting.hpp"
#include "services/clicks/link_modes.hpp"
#include "services/http_server/counters.hpp"
#include "services/http_server/rate_limiter.hpp"
#include "services/ingest/ingest_counters.hpp"
#include "services/redirect/redirect_counters.hpp"

namespace qck::admin {

/// The counters of one listener, one for each of its reactors.
struct Listener {
    std::string name;
    std::vector<const http_server::ServerCounters*> servers;
};

/// One value of a metric that this folder knows nothing of (a store's, say).
struct Sample {
    std::string name;  ///< `qck_redis_commands_total`
    std::string help;
    bool is_counter = true;  ///< else a gauge
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
};

/// Where the figures are; all outlive whoever reads them, and are read while others write.
struct MetricSources {
    std::vector<const redirect::RedirectCounters*> redirects;
    std::vector<Listener> listeners;
    const clicks::ClickCounting* counting = nullptr;
    const ingest::IngestCounters* ingest = nullptr;
    /// Each gives samples of its own; those of one name stand together. Thread-safe, quick.
    std::vector<std::function<std::vector<Sample>()>> more;
    const clicks::LinkModes* modes = nullptr;
    const clicks::AlertQueue* alerts = nullptr;
    /// By listener; null where there is no limit.
    std::vector<std::pair<std::string, const http_server::RateLimiter*>> limiters;
};

/// Every metric in the Prometheus text format (version 0.0.4). Sums per-thread counters that their
/// threads go on writing: nothing is locked, and nothing waits. Thread-safe.
std::string metrics_text(const MetricSources& sources);

}  // namespace qck::admin
