#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "loadgen/report/html_text.hpp"

namespace qck::report {
namespace {

using Json = nlohmann::ordered_json;

/// Rates over time in requests per second, from counts an interval.
Json rates(const std::vector<std::uint64_t>& counts, double interval_s) {
    Json out = Json::array();
    for (const std::uint64_t count : counts) {
        out.push_back(std::round(static_cast<double>(count) / interval_s * 10) / 10);
    }
    return out;
}

/// The percentile curve as HdrHistogram draws it: pairs of 1/(1-share) and microseconds, twenty a
/// decade, up to the share that the rarest value stands for.
Json curve_of(const std::map<std::uint64_t, std::uint64_t>& buckets) {
    Json out = Json::array();
    std::uint64_t total = 0;
    for (const auto& [top_ns, count] : buckets) total += count;
    if (total == 0) return out;
    auto at = buckets.begin();
    std::uint64_t seen = at->second;
    for (int step = 0;; ++step) {
        const double inverse = std::pow(10, step / 20.0);
        const bool last = inverse >= static_cast<double>(total);
        const double share = last ? 1 : 1 - 1 / inverse;
        const double rank = std::max(1.0, std::ceil(share * static_cast<double>(total)));
        while (static_cast<double>(seen) < rank && std::next(at) != buckets.end()) {
            ++at;
            seen += at->second;
        }
        out.push_back(
            {last ? static_cast<double>(total) : inverse, static_cast<double>(at->first) / 1e3});
        if (last) return out;
    }
}

void merge(std::map<std::uint64_t, std::uint64_t>& into, const Buckets& from) {
    for (const auto& [top_ns, count] : from) into[top_ns] += count;
}

Json curves_of(const Report& report) {
    Json out = Json::array();
    std::map<std::uint64_t, std::uint64_t> latency_of_all;
    std::map<std::uint64_t, std::uint64_t> service_of_all;
    for (const PhaseReport& phase : report.phases) {
        merge(latency_of_all, phase.latency_buckets);
        merge(service_of_all, phase.service_buckets);
    }
    out.push_back({{"name", "whole run"},
                   {"latency", curve_of(latency_of_all)},
                   {"service", curve_of(service_of_all)}});
    if (report.phases.size() < 2) return out;
    for (const PhaseReport& phase : report.phases) {
        std::map<std::uint64_t, std::uint64_t> latency;
        std::map<std::uint64_t, std::uint64_t> service;
        merge(latency, phase.latency_buckets);
        merge(service, phase.service_buckets);
        out.push_back(
            {{"name", phase.name}, {"latency", curve_of(latency)}, {"service", curve_of(service)}});
    }
    return out;
}

}  // namespace

std::string chart_data(const Report& report) {
    const SeriesReport& series = report.series;
    Json phases = Json::array();
    for (const PhaseReport& phase : report.phases) {
        phases.push_back({{"name", phase.name},
                          {"start", phase.start_s},
                          {"end", phase.start_s + phase.seconds}});
    }
    const Json data = {{"interval", series.interval_s},
                       {"phases", phases},
                       {"closedLoop", report.closed_loop},
                       {"target", series.target},
                       {"sent", rates(series.sent, series.interval_s)},
                       {"answered", rates(series.answered, series.interval_s)},
                       {"p50", series.p50_us},
                       {"p90", series.p90_us},
                       {"p99", series.p99_us},
                       {"p999", series.p999_us},
                       {"max", series.max_us},
                       {"errors", series.errors},
                       {"curves", curves_of(report)}};
    return data.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace qck::report
