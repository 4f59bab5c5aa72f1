#include "services/admin/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <functional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/version.hpp"

namespace qck::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Families = std::vector<MetricFamily>;

MetricFamily& add_family(Families& families, MetricType type, std::string name, std::string help) {
    MetricFamily& family = families.emplace_back();
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = type;
    return family;
}

void add_value(MetricFamily& family, double value, std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric& metric = family.metric.emplace_back();
    metric.label = std::move(labels);
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void add_single(Families& families, MetricType type, std::string name, std::string help,
                double value) {
    add_value(add_family(families, type, std::move(name), std::move(help)), value);
}

template <class Counters>
double sum(const std::vector<const Counters*>& all, Counter Counters::*which) {
    std::uint64_t total = 0;
    for (const Counters* const one : all) total += (one->*which).value();
    return static_cast<double>(total);
}

void add_redirects(Families& families, const MetricSources& sources) {
    MetricFamily& classes =
        add_family(families, MetricType::Counter, "redirects_total",
                   "Answered clicks by class; each is in the journal, but for those "
                   "that --journal-full uncounted let go.");
    for (std::size_t i = 0; i < clicks::click_class_count; ++i) {
        std::uint64_t total = 0;
        for (const auto* const counters : sources.redirects) total += counters->by_class[i].value();
        add_value(classes, static_cast<double>(total),
                  {{"class", std::string(clicks::click_class_names[i])}});
    }
    using redirect::RedirectCounters;
    MetricFamily& answers = add_family(families, MetricType::Counter, "qck_redirect_answers_total",
                                       "Answers of the redirect listener by outcome.");
    const std::vector<std::pair<const char*, Counter RedirectCounters::*>> outcomes{
        {"redirect", &RedirectCounters::redirects},
        {"not_found", &RedirectCounters::not_found},
        {"expired", &RedirectCounters::expired},
        {"unavailable", &RedirectCounters::unavailable}};
    for (const auto& [outcome, counter] : outcomes) {
        add_value(answers, sum(sources.redirects, counter), {{"outcome", outcome}});
    }
}

void add_redirect_latency(Families& families, const MetricSources& sources) {
    MetricFamily& family = add_family(
        families, MetricType::Histogram, "redirect_latency_seconds",
        "From the moment the reactor learnt of a request until its answer was with the kernel.");
    ClientMetric::Histogram& histogram = family.metric.emplace_back().histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i <= redirect::latency_bounds_us.size(); ++i) {
        for (const auto* const counters : sources.redirects) {
            cumulative += counters->latency[i].value();
        }
        ClientMetric::Bucket& bucket = histogram.bucket.emplace_back();
        bucket.cumulative_count = cumulative;
        bucket.upper_bound = i < redirect::latency_bounds_us.size()
                                 ? redirect::latency_bounds_us[i] / 1e6
                                 : std::numeric_limits<double>::infinity();
    }
    histogram.sample_count = cumulative;
    histogram.sample_sum =
        sum(sources.redirects, &redirect::RedirectCounters::latency_sum_us) / 1e6;
}

void add_cache(Families& families, const MetricSources& sources) {
    using redirect::RedirectCounters;
    const auto add = [&](MetricType type, const char* name, const char* help,
                         Counter RedirectCounters::*counter) {
        add_value(add_family(families, type, name, help), sum(sources.redirects, counter),
                  {{"level", "l1"}});
    };
    add(MetricType::Counter, "qck_cache_hits_total", "Codes found in the cache.",
        &RedirectCounters::cache_hits);
    add(MetricType::Counter, "qck_cache_misses_total", "Codes looked up elsewhere.",
        &RedirectCounters::cache_misses);
    add(MetricType::Counter, "qck_cache_stale_hits_total",
        "Links served although too old, because no store answered.", &RedirectCounters::stale_hits);
    add(MetricType::Gauge, "qck_cache_entries", "Entries now, absent codes included.",
        &RedirectCounters::cache_entries);
    add(MetricType::Gauge, "qck_cache_bytes", "Bytes of those entries.",
        &RedirectCounters::cache_bytes);
    add(MetricType::Gauge, "qck_cache_pinned", "Entries now that are not evicted.",
        &RedirectCounters::cache_pinned);
}

void add_listeners(Families& families, const MetricSources& sources) {
    using http_server::ServerCounters;
    const auto add = [&](MetricType type, const char* name, const char* help,
                         Counter ServerCounters::*counter) {
        MetricFamily& family = add_family(families, type, name, help);
        for (const Listener& listener : sources.listeners) {
            add_value(family, sum(listener.servers, counter), {{"listener", listener.name}});
        }
    };
    add(MetricType::Gauge, "qck_connections", "Open connections.",
        &ServerCounters::connections_open);
    add(MetricType::Counter, "qck_connections_accepted_total", "Connections accepted.",
        &ServerCounters::connections_accepted);
    add(MetricType::Counter, "qck_connections_refused_total",
        "Connections closed on accept: over the cap, or out of descriptors.",
        &ServerCounters::connections_refused);
    add(MetricType::Counter, "qck_http_requests_total", "Requests answered.",
        &ServerCounters::requests);
    add(MetricType::Counter, "qck_http_bad_requests_total", "Requests refused as malformed.",
        &ServerCounters::bad_requests);
    add(MetricType::Counter, "qck_http_timeouts_total", "Connections that missed a deadline.",
        &ServerCounters::timeouts);
    add(MetricType::Counter, "qck_connection_resets_total", "Connections that broke.",
        &ServerCounters::resets);
}

void add_ingest(Families& families, const ingest::IngestCounters& counters) {
    MetricFamily& items = add_family(families, MetricType::Counter, "qck_ingest_items_total",
                                     "Items that came to the ingest listener by outcome.");
    const std::vector<std::pair<const char*, const Counter*>> outcomes{
        {"event", &counters.events_accepted},
        {"click", &counters.clicks_accepted},
        {"duplicate", &counters.duplicates},
        {"rejected", &counters.rejected}};
    for (const auto& [outcome, counter] : outcomes) {
        add_value(items, static_cast<double>(counter->value()), {{"outcome", outcome}});
    }
    add_single(families, MetricType::Counter, "qck_ingest_busy_total",
               "Ingest requests answered 503: the counts lag, or the journal is full.",
               static_cast<double>(counters.busy.value()));
}

void add_journal(Families& families, const clicks::CountingFigures& figures) {
    const auto gauge = [&](const char* name, const char* help, double value) {
        add_single(families, MetricType::Gauge, name, help, value);
    };
    const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
        add_single(families, MetricType::Counter, name, help, static_cast<double>(value));
    };
    gauge("qck_journal_bytes",
          "Bytes of all segments, as allocated, and of copies of damaged ones.",
          static_cast<double>(figures.journal_bytes));
    gauge("qck_journal_segments", "Segment files.", static_cast<double>(figures.segments));
    gauge("qck_journal_lag_records", "Records appended and not yet in the store.",
          static_cast<double>(figures.lag_records));
    gauge("qck_journal_lag_seconds", "Since the store had everything.", figures.lag_seconds);
    counter("qck_journal_appended_total", "Records appended since the start.", figures.appended);
    counter("qck_journal_counted_total", "Records counted since the start, earlier epochs' too.",
            figures.counted);
    counter("qck_journal_refused_total", "Requests answered 503 because the journal was full.",
            figures.refused);
    counter("qck_journal_uncounted_total", "Redirects that the full journal does not have.",
            figures.uncounted);
    counter("qck_journal_corrupt_places_total", "Damaged places met since the start.",
            figures.corrupt_places);
    counter("qck_journal_read_failures_total", "Tries at which the journal could not be read.",
            figures.read_failures);
    counter("qck_store_flushes_total", "Batches of counts that the store took.", figures.flushes);
    counter("qck_store_flush_failures_total", "Batches that it did not take at once.",
            figures.flush_failures);
}

void add_samples(Families& families, std::vector<Sample> samples) {
    for (Sample& sample : samples) {
        if (families.empty() || families.back().name != sample.name) {
            add_family(families, sample.is_counter ? MetricType::Counter : MetricType::Gauge,
                       std::move(sample.name), std::move(sample.help));
        }
        std::vector<ClientMetric::Label> labels;
        for (auto& [name, value] : sample.labels) labels.push_back({name, std::move(value)});
        add_value(families.back(), sample.value, std::move(labels));
    }
}

void add_modes(Families& families, const MetricSources& sources) {
    if (sources.modes == nullptr) return;
    const clicks::LinkModeFigures figures = sources.modes->figures();
    MetricFamily& links =
        add_family(families, MetricType::Gauge, "qck_mode_links",
                   "Links in each mode now; of normal those that an operator holds there.");
    MetricFamily entered;
    entered.name = "qck_mode_changes_total";
    entered.help = "Changes of links' modes by the mode they entered.";
    entered.type = MetricType::Counter;
    for (std::size_t i = 0; i < clicks::link_mode_names.size(); ++i) {
        const std::vector<ClientMetric::Label> labels{
            {"mode", std::string(clicks::link_mode_names[i])}};
        add_value(links, static_cast<double>(figures.links[i]), labels);
        add_value(entered, static_cast<double>(figures.entered[i]), labels);
    }
    families.push_back(std::move(entered));
    if (sources.alerts == nullptr) return;
    MetricFamily& alerts = add_family(families, MetricType::Counter, "qck_alerts_total",
                                      "Alerts to the webhook by outcome; failed: tries.");
    add_value(alerts, static_cast<double>(sources.alerts->sent()), {{"outcome", "sent"}});
    add_value(alerts, static_cast<double>(sources.alerts->failures()), {{"outcome", "failed"}});
    add_value(alerts, static_cast<double>(sources.alerts->given_up()), {{"outcome", "given_up"}});
}

void add_limiters(Families& families, const MetricSources& sources) {
    MetricFamily family;
    family.name = "qck_rate_limited_total";
    family.help = "Requests answered 429, which are no clicks.";
    family.type = MetricType::Counter;
    for (const auto& [listener, limiter] : sources.limiters) {
        if (limiter == nullptr) continue;
        add_value(family, static_cast<double>(limiter->refused()), {{"listener", listener}});
    }
    if (family.metric.empty()) return;
    families.push_back(std::move(family));
    const std::int64_t now_ns = monotonic_ns();
    const auto add = [&](MetricType type, const char* name, const char* help, auto value) {
        MetricFamily& each = add_family(families, type, name, help);
        for (const auto& [listener, limiter] : sources.limiters) {
            if (limiter == nullptr) continue;
            add_value(each, static_cast<double>(value(*limiter)), {{"listener", listener}});
        }
    };
    using http_server::RateLimiter;
    add(MetricType::Counter, "qck_rate_limit_held_total",
        "Of these, those within the limit of which other instances had to hear first.",
        [](const RateLimiter& limiter) { return limiter.held(); });
    add(MetricType::Gauge, "qck_rate_limit_shared",
        "1 while the limit holds over all instances, 0 while this one limits by itself.",
        [&](const RateLimiter& limiter) { return limiter.joined(now_ns) ? 1 : 0; });
    add(MetricType::Gauge, "qck_rate_limit_instances", "Instances that share the limit now.",
        [&](const RateLimiter& limiter) { return limiter.instances(now_ns); });
    add(MetricType::Counter, "qck_rate_limit_forgotten_total",
        "Clients that were forgotten for others before their time.",
        [](const RateLimiter& limiter) { return limiter.forgotten(); });
}

}  // namespace

std::string metrics_text(const MetricSources& sources) {
    Families families;
    add_redirects(families, sources);
    add_redirect_latency(families, sources);
    add_cache(families, sources);
    add_listeners(families, sources);
    if (sources.counting != nullptr) add_journal(families, sources.counting->figures());
    if (sources.ingest != nullptr) add_ingest(families, *sources.ingest);
    for (const auto& source : sources.more) add_samples(families, source());
    add_modes(families, sources);
    add_limiters(families, sources);
    MetricFamily& build =
        add_family(families, MetricType::Gauge, "qck_build_info", "This program.");
    add_value(build, 1, {{"version", version}});
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace qck::admin
