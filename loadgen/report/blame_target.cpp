#include "loadgen/report/blame_causes.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace qck::report::blame {
namespace {

using record::Cause;

/// A target can be told from a busy generator by its service times where requests lagged this much.
constexpr std::int64_t stall_min_ns = 10'000'000;
/// Connects that failed, over all that were tried.
constexpr double connect_failed_share_much = 0.1;

bool many_connects_failed(const Facts& facts, std::uint64_t failed) {
    const auto tried = static_cast<double>(failed + facts.run.generator.connections_opened);
    return failed > 0 && static_cast<double>(failed) >= connect_failed_share_much * tried;
}

/// As many requests as were late took longer than their users had until their next ones.
bool users_were_held_up(const Facts& facts) {
    if (!facts.plan.users) return false;
    double rate_max = 0;
    for (const auto& group : facts.plan.users->groups)
        rate_max = std::max(rate_max, group.rate_per_s);
    const double period_ns = 1e9 / rate_max;
    return static_cast<double>(facts.worst.phase->service.percentile_ns(0.99)) >= period_ns;
}

/// Whether all connections can have been in use at once: by Little's law over the phase, or because
/// as many requests as there are places took as long as others waited, as when a target stalls.
bool connections_were_busy(const Facts& facts) {
    // A user has its own connection, and wants no other one.
    if (facts.plan.users) return false;
    return busy_throughout(facts) || all_places_stalled(facts);
}

}  // namespace

std::optional<Blame> not_connected(const Facts& facts) {
    const auto refused = connect_failures(facts, {Cause::refused, Cause::reset});
    if (many_connects_failed(facts, refused)) {
        return Blame{Culprit::target,
                     "the target refused connections (" + format_count(refused) + " times; " +
                         facts.symptom + ")",
                     {"See that it runs all the while, and accepts as many connections as "
                      "--connections asks for (" +
                      format_count(facts.plan.connections) + ")."}};
    }
    const auto lost = connect_failures(facts, {Cause::unreachable, Cause::connect_timeout});
    if (many_connects_failed(facts, lost)) {
        return Blame{Culprit::network,
                     "the network did not lead to the target (" + format_count(lost) +
                         " connects got no answer; " + facts.symptom + ")",
                     {"Check the route, firewalls and the target's accept queue."}};
    }
    const auto tls = connect_failures(facts, {Cause::tls});
    if (many_connects_failed(facts, tls)) {
        return Blame{Culprit::target,
                     "TLS with the target failed (" + format_count(tls) + " handshakes; " +
                         facts.symptom + ")",
                     {"Check its certificate and protocol versions."}};
    }
    return std::nullopt;
}

std::optional<Blame> target_failed(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const record::Accounting& a = phase.accounting;
    const auto failed_by = [&](Cause cause) {
        return phase.failed_by[static_cast<std::size_t>(cause)];
    };
    const std::uint64_t held_up = a.timed_out + failed_by(Cause::behind_timeout);
    const std::uint64_t failed = a.failed - failed_by(Cause::behind_timeout);
    const auto much = [&](std::uint64_t count) {
        // What was not even sent was not answered either, and that says nothing of the target.
        const bool all_sent = !facts.worst.slow;
        return count > 0 && (count * 100 >= a.sent || (all_sent && facts.worst.unanswered));
    };
    if (timeouts_tell(facts) && much(a.timed_out) && held_up >= failed) {
        return Blame{Culprit::target,
                     "the target stopped answering (" + format_count(a.timed_out) +
                         " timed out and held their connections; " + facts.symptom + ")",
                     {"Look at the target at the time of the timeouts; the charts of report.html "
                      "show when."}};
    }
    if (const auto garbage = failed_by(Cause::protocol); much(failed) && garbage * 2 > failed) {
        return Blame{Culprit::target,
                     "what came from the target was no HTTP answer (" + format_count(garbage) +
                         " times; " + facts.symptom + ")",
                     {"See that --target names an HTTP/1.1 server, with https:// where it wants "
                      "TLS."}};
    }
    if (much(failed)) {
        return Blame{Culprit::target,
                     "the target dropped connections (" +
                         format_count(facts.run.generator.connections_lost) + " lost; " +
                         facts.symptom + ")",
                     {"Look at the target's limits and log; errors are listed by cause in the "
                      "report."}};
    }
    return std::nullopt;
}

std::optional<Blame> target_held_up(const Facts& facts) {
    if (auto failed = target_failed(facts)) return failed;
    const record::PhaseResult& phase = *facts.worst.phase;
    const auto shown = [](std::uint64_t ns) {
        return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
    };
    if (users_were_held_up(facts)) {
        return Blame{
            Culprit::target,
            "the target answered too slowly: users still waited for an answer when they "
            "were to ask again (" +
                facts.symptom + "; service p99 " + shown(phase.service.percentile_ns(0.99)) +
                ", max " + shown(phase.service.max_ns()) + ")",
            {"This is more than it can answer. " + lower_rate(facts) + ", or their rates."},
            true};
    }
    if (!connections_were_busy(facts)) return std::nullopt;
    return Blame{
        Culprit::target,
        "the target answered too slowly: all " + format_count(facts.plan.connections) +
            " connections were busy (" + facts.symptom + "; service p99 " +
            shown(phase.service.percentile_ns(0.99)) + ", max " + shown(phase.service.max_ns()) +
            ")",
        {"Raise --connections or --pipeline if it should take more at once. Otherwise this "
         "is more than it can answer: l" +
         lower_rate(facts).substr(1) + "."},
        true};
}

/// Everything was sent in time and most of it answered, but ever later.
Blame target_fell_behind(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    return {Culprit::target,
            "the target fell behind (" + facts.symptom + "; the answers to " +
                format_duration(phase.duration) + " of requests took " +
                format_duration(phase.duration + phase.overtime) + ")",
            {"This is more than it can answer: l" + lower_rate(facts).substr(1) + "."},
            true};
}

/// A generator that is short of CPU reads answers late too, but by far less than it lags. Not so
/// where users wait for those answers: then its CPU tells.
std::optional<Blame> target_stalled(const Facts& facts) {
    if (facts.plan.users) return std::nullopt;
    if (!facts.worst.late || facts.worst.lag_ns < stall_min_ns) return std::nullopt;
    if (!all_places_stalled(facts)) return std::nullopt;
    return target_held_up(facts);
}

}  // namespace qck::report::blame
