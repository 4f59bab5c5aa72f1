#pragma once

#include <string>
#include <vector>

#include "services/clicks/click_counting.hpp"
#include "services/http_server/counters.hpp"
#include "services/ingest/ingest_counters.hpp"
#include "services/redirect/redirect_counters.hpp"

namespace qck::admin {

/// The counters of one listener, one for each of its reactors.
struct Listener {
    std::string name;
    std::vector<const http_server::ServerCounters*> servers;
};

/// Where the figures are; all outlive whoever reads them, and are read while others write.
struct MetricSources {
    std::vector<const redirect::RedirectCounters*> redirects;
    std::vector<Listener> listeners;
    const clicks::ClickCounting* counting = nullptr;
    const ingest::IngestCounters* ingest = nullptr;
};

/// Every metric in the Prometheus text format (version 0.0.4). Sums per-thread counters that their
/// threads go on writing: nothing is locked, and nothing waits. Thread-safe.
std::string metrics_text(const MetricSources& sources);

}  // namespace qck::admin
