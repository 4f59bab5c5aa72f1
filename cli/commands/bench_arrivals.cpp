#include "cli/commands/bench_arrivals.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace qck::commands {
namespace {

using namespace std::chrono_literals;

/// Of those answered, at least so many are to be in the target's account of the run.
constexpr double seen_share_min = 0.95;
/// Before the run began and after it ended: clocks apart, connections made, answers awaited.
constexpr std::chrono::milliseconds around = 10s;

Result<void> check_answers(const client::RestConfig& service) {
    client::RestClient admin(service);
    const auto answer = admin.call("GET", "/v1/arrivals?within_ms=1");
    if (answer) return {};
    return error(answer.error().code, "--admin: " + answer.error().message);
}

}  // namespace

Result<std::optional<client::RestConfig>> arrivals_of(const BenchOptions& options,
                                                      const BenchTarget& target,
                                                      const InterruptWatch& interrupts) {
    client::RestConfig config;
    config.listener = client::RestConfig::Listener::admin;
    config.connect_timeout = config.request_timeout = 2s;
    config.give_up = [&interrupts] { return interrupts.count() > 1; };
    if (target.embedded) {
        auto url = client::parse_admin_url("http://" + target.embedded->admin());
        if (!url) return url.error();
        config.service = std::move(*url);
        return std::optional(std::move(config));
    }
    // One of the environment may be of another service than a target that was typed.
    if (!options.target.empty() && !options.admin_typed) return std::optional<client::RestConfig>();
    config.service = options.admin;
    config.ca_file = options.ca_file;
    if (options.admin_typed) {
        if (const auto checked = check_answers(config); !checked) return checked.error();
    }
    return std::optional(std::move(config));
}

Result<record::TargetArrivals> read_arrivals(std::string_view json, std::int64_t asked_ms,
                                             std::int64_t answered_ms, std::int64_t started_ms) {
    const auto wrong = error(Errc::invalid_argument, "the answer is no account of arrivals");
    const auto document = nlohmann::json::parse(json, nullptr, false);
    const auto whole = [](const nlohmann::json& value) { return value.is_number_integer(); };
    if (!document.is_object() || !document.contains("slots") || !document["slots"].is_array() ||
        !document.contains("now_ms") || !whole(document["now_ms"]) ||
        !document.contains("slot_ms") || !whole(document["slot_ms"])) {
        return wrong;
    }
    record::TargetArrivals arrivals;
    arrivals.slot = std::chrono::milliseconds(document["slot_ms"].get<std::int64_t>());
    const std::int64_t ahead_ms =
        document["now_ms"].get<std::int64_t>() - (asked_ms + (answered_ms - asked_ms) / 2);
    for (const auto& slot : document["slots"]) {
        if (!slot.is_array() || slot.size() < 4 ||
            !std::all_of(slot.begin(), slot.begin() + 4, whole)) {
            return wrong;
        }
        arrivals.slots.push_back(
            {std::chrono::milliseconds(slot[0].get<std::int64_t>() - ahead_ms - started_ms),
             slot[1].get<std::uint64_t>(), std::chrono::microseconds(slot[2].get<std::int64_t>()),
             std::chrono::microseconds(slot[3].get<std::int64_t>())});
    }
    return arrivals;
}

void take_arrivals(const client::RestConfig& service, bool alone, record::RunResult& run) {
    client::RestClient admin(service);
    const auto within =
        std::chrono::duration_cast<std::chrono::milliseconds>(run.duration) + around;
    const std::int64_t asked_ms = wall_ms();
    const auto answer =
        admin.call("GET", "/v1/arrivals?within_ms=" + std::to_string(within.count()));
    if (!answer) return;
    auto arrivals = read_arrivals(answer->body, asked_ms, wall_ms(), run.started_wall_ms);
    if (!arrivals) return;
    const auto seen = record::arrivals_within(*arrivals, -arrivals->slot, run.duration + around);
    const auto answered = static_cast<double>(run.total().answered);
    if (!alone && static_cast<double>(seen.requests) < seen_share_min * answered) return;
    run.arrivals = std::move(*arrivals);
}

}  // namespace qck::commands
