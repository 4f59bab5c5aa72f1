#include "cli/commands/bench_reconcile.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "cli/client/rest_client.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/reconcile/compare.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"

namespace qck::commands {
namespace {

/// What the generator saw, calibration included, as the counts should show it.
struct Expected {
    record::LinkAnswers links;
    std::uint64_t unanswered = 0;  ///< sent, and perhaps counted, but no answer came
    std::string probe_code;        ///< of the link that probes clicked on
    std::uint64_t probes = 0;      ///< clicks on it

    /// Answers that are clicks for certain: links.other may be (an unknown code spelled out, an
    /// expired link) or not (a wrong method, overload).
    std::uint64_t answered() const {
        std::uint64_t sum = links.hot + links.unknown + probes;
        for (const std::uint64_t count : links.tail) sum += count;
        return sum;
    }
    void add(const record::LinkAnswers& more, const record::Accounting& accounting) {
        links.hot += more.hot;
        links.unknown += more.unknown;
        links.other += more.other;
        links.tail.resize(std::max(links.tail.size(), more.tail.size()));
        for (std::size_t at = 0; at < more.tail.size(); ++at) links.tail[at] += more.tail[at];
        unanswered += accounting.sent - accounting.answered;
    }
    void add(const report::Visibility& visible) {
        probe_code = visible.code;
        probes += visible.clicks;
        unanswered += visible.unanswered;
    }
};

/// A service that stands still is not waited for after a signal.
constexpr std::chrono::seconds answer_when_interrupted{3};

/// Sum of `redirects_total` over its labels.
Result<std::uint64_t> served_by(const EmbeddedService& service, const InterruptWatch& interrupts) {
    auto url = client::parse_service_url("http://" + service.admin());
    if (!url) return url.error();
    client::RestConfig config;
    config.service = std::move(*url);
    const int signals = interrupts.count();
    if (signals > 0) config.connect_timeout = config.request_timeout = answer_when_interrupted;
    config.give_up = [&interrupts, signals] { return interrupts.count() > signals; };
    client::RestClient admin(std::move(config));
    const auto metrics = admin.call("GET", "/metrics");
    if (!metrics) {
        return error(
            metrics.error().code,
            interrupts.count() > signals
                ? "interrupted while the embedded qck serve was asked what it served"
                : "the embedded qck serve did not say what it served: " + metrics.error().message);
    }
    std::istringstream lines(metrics->body);
    double served = 0;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("redirects_total")) continue;
        served += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    }
    return static_cast<std::uint64_t>(served);
}

reconcile::RunReport run_report(const scenario::Plan& plan, const Expected& expected) {
    reconcile::RunReport report;
    report.answered = expected.answered();
    report.by_code.emplace_back(plan.links.hot, expected.links.hot);
    if (expected.probes > 0) report.by_code.emplace_back(expected.probe_code, expected.probes);
    for (std::size_t at = 0; at < expected.links.tail.size(); ++at) {
        report.by_code.emplace_back(plan.links.tail_prefix + std::to_string(at + 1),
                                    expected.links.tail[at]);
    }
    return report;
}

Result<reconcile::Comparison> compare_stores(const EmbeddedService& service,
                                             reconcile::RunReport run) {
    auto directory = clicks::DataDirectory::open_offline(service.data_dir(), "qck bench");
    if (!directory) return directory.error();
    auto queue = sqlite::WriteQueue::open((*directory)->links_database(), {});
    if (!queue) return queue.error();
    auto links = sqlite::SqliteLinkStore::open(**queue, (*directory)->links_database(), {});
    if (!links) return links.error();
    auto counts = sqlite::SqliteClickStore::open((*directory)->clicks_database(),
                                                 (*directory)->identity().node);
    if (!counts) return counts.error();
    reconcile::Request request;
    request.data_dir = service.data_dir();
    request.run = std::move(run);
    request.codes_of = [&](std::span<const std::uint64_t> ids) {
        return links::codes_in_order(**links, ids);
    };
    request.id_of = [&](const std::string& code) {
        const auto link = (*links)->find(code);
        return link && *link ? (*link)->id : std::uint64_t{0};
    };
    return reconcile::compare(request, **counts);
}

/// How far a count lies outside [least, most].
std::int64_t difference_of(std::uint64_t counted, std::uint64_t least, std::uint64_t most) {
    if (counted < least) return -static_cast<std::int64_t>(least - counted);
    return counted > most ? static_cast<std::int64_t>(counted - most) : 0;
}

/// Answers that an API gave to those who wrote: no clicks.
std::uint64_t written(const scenario::Plan& plan, const record::RunResult& run) {
    const bool writes = std::any_of(plan.requests.begin(), plan.requests.end(),
                                    [](const auto& kind) { return kind.to_api; });
    std::uint64_t count = 0;
    for (const record::PhaseResult& phase : run.phases) {
        const auto created = phase.status.find(201);
        if (writes && created != phase.status.end()) count += created->second;
    }
    return count;
}

}  // namespace

Result<report::Reconciliation> reconcile_embedded(EmbeddedService& service,
                                                  const scenario::Plan& plan,
                                                  const record::RunResult& run,
                                                  const std::optional<Calibration>& calibration,
                                                  const std::optional<report::Visibility>& probes,
                                                  const InterruptWatch& interrupts) {
    if (interrupts.count() >= 2) return error(Errc::unavailable, "interrupted a second time");
    if (auto alive = service.check_alive(); !alive) return alive.error();
    Expected expected;
    expected.add(run.links, run.total());
    expected.links.other -= std::min(expected.links.other, written(plan, run));
    // What an agent did after its last word, before it was lost, may have been counted too.
    expected.unanswered += run.gap();
    if (calibration) expected.add(calibration->links, calibration->accounting);
    if (probes) expected.add(*probes);
    const auto served = served_by(service, interrupts);
    if (!served) return served.error();
    if (auto drained = service.drain(); !drained) return drained.error();
    const auto comparison = compare_stores(service, run_report(plan, expected));
    if (!comparison) return comparison.error();

    report::Reconciliation result;
    const std::uint64_t least = expected.answered();
    result.answered = std::clamp(*served, least, least + expected.links.other);
    result.served = *served;
    if (calibration) {
        Expected calibrated;
        calibrated.add(calibration->links, calibration->accounting);
        result.calibration =
            calibrated.answered() + std::min(calibrated.links.other, result.answered - least);
    }
    result.unanswered = expected.unanswered;
    result.counted = comparison->journal;
    result.stores["SQLite"] = comparison->stores.front().clicks;
    result.difference =
        difference_of(result.served, result.answered, result.answered + expected.unanswered);
    // What was served counts, and what was still on its way when the service told.
    const std::uint64_t clicks = std::max(result.served, least);
    for (const std::uint64_t counted : {result.counted, comparison->stores.front().clicks}) {
        const std::int64_t difference =
            difference_of(counted, clicks, std::max(clicks, result.answered + expected.unanswered));
        if (std::llabs(difference) > std::llabs(result.difference)) result.difference = difference;
    }
    return result;
}

}  // namespace qck::commands
