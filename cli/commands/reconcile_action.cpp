#include "cli/commands/reconcile_action.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands/reconcile_repair.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/reconcile/comparison_json.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"

namespace qck::commands {
namespace {

/// For stores to take what was counted before the comparison.
constexpr std::chrono::seconds settle_max{30};

using http_server::problem;
using http_server::Response;

using Abandoned = std::function<bool()>;

Result<reconcile::Request> request_of(const ReconcileParts& parts, reconcile::Question question,
                                      const Abandoned& abandoned) {
    reconcile::Request request;
    request.data_dir = parts.data_dir;
    request.live = true;
    request.since_ms = question.since_ms;
    request.run = std::move(question.run);
    request.shared = parts.deliveries.views();
    request.minutes = parts.deliveries.minutes();
    request.settle = [&deliveries = parts.deliveries,
                      abandoned](const std::vector<clicks::ProducerCursor>& until) {
        return deliveries.settle(until, settle_max, abandoned);
    };
    // Every link is repaired; the first of them are told.
    if (question.repair) request.drifts_max = SIZE_MAX;
    request.given_up = [&deliveries = parts.deliveries, abandoned] {
        return deliveries.given_up() || (abandoned && abandoned());
    };
    request.codes_of = [&links = parts.links](std::span<const std::uint64_t> ids) {
        return links::codes_in_order(links, ids);
    };
    request.id_of = [&links = parts.links](const std::string& code) {
        const auto link = links.find(code);
        return link && *link ? (*link)->id : std::uint64_t{0};
    };
    for (const std::string& code : question.codes) {
        const auto link = parts.links.find(code);
        if (!link) return link.error();
        if (!*link) return links::no_such_link(code);
        request.links.push_back((*link)->id);
    }
    return request;
}

/// Through a connection of its own, so that counting goes on.
Result<reconcile::Comparison> compare_counts(const ReconcileParts& parts,
                                             reconcile::Question question,
                                             const Abandoned& abandoned) {
    const bool repair = question.repair;
    const bool allow_lower = question.allow_lower;
    const bool clean = question.clean;
    const auto request = request_of(parts, std::move(question), abandoned);
    if (!request) return request.error();
    const auto identity = clicks::DataDirectory::peek(parts.data_dir);
    if (!identity) return identity.error();
    const auto counts = sqlite::SqliteClickStore::open(parts.data_dir / "clicks.db", identity->node,
                                                       sqlite::OpenMode::read_only);
    if (!counts) return counts.error();
    auto comparison = reconcile::compare(*request, **counts);
    if (comparison && repair && !comparison->agrees()) {
        comparison = repair_stores({*request, **counts, parts.deliveries, allow_lower},
                                   std::move(*comparison));
    }
    if (!comparison || !clean) return comparison;
    const auto removed = parts.deliveries.clean();
    if (!removed) return removed.error();
    comparison->cleaned = *removed;
    return comparison;
}

/// One at a time: stores are read and written on behalf of one, for as long as that one waits.
Response answer(const ReconcileParts& parts, std::mutex& under_way,
                const admin::Action::Call& call) {
    auto question = reconcile::question_from_json(call.body);
    if (!question) return problem(400, "invalid-json", question.error().message);
    const std::unique_lock alone(under_way, std::try_to_lock);
    if (!alone) return problem(409, "busy", "another comparison is under way; ask again later");
    auto comparison = compare_counts(parts, std::move(*question), call.abandoned);
    if (!comparison) {
        const bool unknown = comparison.error().code == Errc::not_found;
        return problem(unknown ? 404 : 503, unknown ? "not-found" : "unavailable",
                       comparison.error().message);
    }
    reconcile::keep_named(*comparison);
    Response response;
    response.body = reconcile::to_json(*comparison) + "\n";
    return response;
}

}  // namespace

admin::Action reconcile_action(ReconcileParts parts) {
    admin::Action action;
    action.path = "/v1/reconcile";
    action.takes_minutes = true;
    auto under_way = std::make_shared<std::mutex>();
    action.run = [parts = std::move(parts), under_way](const admin::Action::Call& call) {
        return answer(parts, *under_way, call);
    };
    return action;
}

}  // namespace qck::commands
