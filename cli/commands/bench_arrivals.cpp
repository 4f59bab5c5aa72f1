#include "cli/commands/bench_arrivals.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/units.hpp"

namespace qck::commands {
namespace {

using namespace std::chrono_literals;

/// Of those answered, at least so many are to be in the target's account of the run.
constexpr double seen_share_min = 0.95;
/// Before the run began and after it ended: connections made, answers awaited.
constexpr std::chrono::milliseconds around = 10s;

/// What a peer may say: times of this century, and no count that overflows when they are summed.
constexpr std::int64_t time_max_ms = 4'102'444'800'000;  // 2100
constexpr std::int64_t slot_max_ms = 60'000;
constexpr std::int64_t requests_max = 1'000'000'000'000;
constexpr std::size_t slots_max = 100'000;

/// A whole number from 0 to `most`.
std::optional<std::int64_t> number_of(const nlohmann::json& value, std::int64_t most) {
    if (!value.is_number_integer()) return std::nullopt;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
    const auto number = value.get<std::int64_t>();
    if (number < 0 || number > most) return std::nullopt;
    return number;
}

Result<void> check_answers(const client::RestConfig& service) {
    client::RestClient admin(service);
    const auto answer = admin.call("GET", "/v1/arrivals?within_ms=1");
    if (answer) return {};
    return error(answer.error().code, "--admin: " + answer.error().message);
}

/// Requests of the account, and answers of the run, from the first phase on that the account has
/// whole. The slot that is still being written is taken for as full as the last one.
std::pair<std::uint64_t, std::uint64_t> both_of(const record::TargetArrivals& arrivals,
                                                const record::RunResult& run) {
    std::pair<std::uint64_t, std::uint64_t> both{0, 0};
    if (arrivals.slots.empty()) return {0, run.total().answered};
    std::optional<std::chrono::nanoseconds> from;
    for (const record::PhaseResult& phase : run.phases) {
        if (phase.start < arrivals.slots.front().start) continue;
        if (!from) from = phase.start;
        both.second += phase.accounting.answered;
    }
    if (!from) return {0, run.total().answered};
    both.first = arrivals.slots.back().requests;
    for (const record::ArrivalSlot& slot : arrivals.slots) {
        if (slot.start + arrivals.slot > *from) both.first += slot.requests;
    }
    return both;
}

}  // namespace

Result<std::optional<client::RestConfig>> arrivals_of(const BenchOptions& options,
                                                      const BenchTarget& target,
                                                      const InterruptWatch& interrupts) {
    using Nobody = std::optional<client::RestConfig>;
    if (options.mode == BenchMode::replay) return Nobody();
    client::RestConfig config;
    config.listener = client::RestConfig::Listener::admin;
    config.connect_timeout = config.request_timeout = 2s;
    config.give_up = [&interrupts] { return interrupts.count() > 0; };
    if (target.embedded) {
        auto url = client::parse_admin_url("http://" + target.embedded->admin());
        if (!url) return url.error();
        config.service = std::move(*url);
        return Nobody(std::move(config));
    }
    // One of the environment may be of another service than a target that was typed.
    if (!options.target.empty() && !options.admin_typed) return Nobody();
    config.service = options.admin;
    config.ca_file = options.ca_file;
    if (options.admin_typed) {
        if (const auto checked = check_answers(config); !checked) return checked.error();
    }
    return Nobody(std::move(config));
}

Result<record::TargetArrivals> read_arrivals(std::string_view json, std::int64_t asked_ms,
                                             std::int64_t answered_ms, std::int64_t started_ms) {
    const auto wrong = error(Errc::invalid_argument, "its answer is no account of arrivals");
    const auto document = nlohmann::json::parse(json, nullptr, false);
    if (!document.is_object() || !document.contains("slots") || !document["slots"].is_array() ||
        !document.contains("now_ms") || !document.contains("slot_ms") ||
        document["slots"].size() > slots_max) {
        return wrong;
    }
    const auto now_ms = number_of(document["now_ms"], time_max_ms);
    const auto slot_ms = number_of(document["slot_ms"], slot_max_ms);
    if (!now_ms || !slot_ms || *slot_ms == 0) return wrong;
    record::TargetArrivals arrivals;
    arrivals.slot = std::chrono::milliseconds(*slot_ms);
    const std::int64_t run_begin_ms =
        started_ms + *now_ms - (asked_ms + (answered_ms - asked_ms) / 2);
    std::int64_t before_ms = -1;
    for (const auto& slot : document["slots"]) {
        if (!slot.is_array() || slot.size() < 5) return wrong;
        const auto start_ms = number_of(slot[0], time_max_ms);
        const auto requests = number_of(slot[1], requests_max);
        const auto idle_us = number_of(slot[2], time_max_ms);
        const auto idle_end_ms = number_of(slot[3], time_max_ms);
        const auto late_us = number_of(slot[4], time_max_ms);
        if (!start_ms || !requests || !idle_us || !idle_end_ms || !late_us) return wrong;
        if (std::exchange(before_ms, *start_ms) >= *start_ms) return wrong;
        arrivals.slots.push_back({std::chrono::milliseconds(*start_ms - run_begin_ms),
                                  static_cast<std::uint64_t>(*requests),
                                  std::chrono::microseconds(*idle_us),
                                  std::chrono::milliseconds(*idle_end_ms - run_begin_ms),
                                  std::chrono::microseconds(*late_us)});
    }
    return arrivals;
}

Result<void> take_arrivals(const client::RestConfig& service, record::RunResult& run) {
    client::RestClient admin(service);
    const auto within =
        std::chrono::duration_cast<std::chrono::milliseconds>(run.duration) + around;
    const std::int64_t asked_ms = wall_ms();
    const auto answer =
        admin.call("GET", "/v1/arrivals?within_ms=" + std::to_string(within.count()));
    if (!answer) return answer.error();
    auto arrivals = read_arrivals(answer->body, asked_ms, wall_ms(), run.started_wall_ms);
    if (!arrivals) return arrivals.error();
    const auto [seen, answered] = both_of(*arrivals, run);
    if (static_cast<double>(seen) < seen_share_min * static_cast<double>(answered)) {
        return error(Errc::invalid_argument, "it tells of " + format_count(seen) +
                                                 " requests, and " + format_count(answered) +
                                                 " were answered");
    }
    run.arrivals = std::move(*arrivals);
    return {};
}

}  // namespace qck::commands
