#include "loadgen/report/blame_causes.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"

namespace qck::report::blame {
namespace {

using record::Cause;

/// Of the places for requests on the connections: this full on average, some wait.
constexpr double busy_share = 0.7;

/// Down to two digits: what is tried next need be no more exact.
double two_digits_of(double value) {
    const double unit = std::pow(10, std::floor(std::log10(value)) - 1);
    return std::floor(value / unit) * unit;
}

double places(const Facts& facts) {
    return static_cast<double>(facts.plan.connections) * facts.plan.pipeline;
}

}  // namespace

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, share >= 0.1 ? "%.0f %%" : "%.2g %%", share * 100);
    return text;
}

std::string symptom_of(const std::vector<Shortfall>& shortfalls) {
    const Shortfall& worst = shortfalls.front();
    std::string text;
    const auto only = [](double share, const char* of_what) {
        char text[32];
        std::snprintf(text, sizeof text, "only %.1f %%", std::floor(share * 1000) / 10);
        return text + std::string(of_what);
    };
    if (worst.slow) {
        text = only(worst.sent, " of the target rate was sent");
    } else if (worst.unanswered) {
        const bool closed_loop = !(worst.phase->target_rate_per_s > 0);
        text = worst.phase->accounting.answered == 0 ? "nothing was answered"
               : closed_loop ? only(worst.answered, " of what was sent was answered")
                             : only(worst.answered, " of the target rate was answered");
    }
    if (worst.late) {
        if (!text.empty()) text += ", ";
        const std::string lag = format_duration(std::chrono::nanoseconds(worst.lag_ns));
        text += has_p99(*worst.phase) ? "send lag p99 " + lag
                                      : "of " + format_count(worst.phase->accounting.sent) +
                                            " requests two or more sent " + lag + " late";
    }
    text += " in " + worst.phase->name;
    if (const std::size_t more = shortfalls.size() - 1; more > 0) {
        text += " and " + std::to_string(more) + (more == 1 ? " more phase" : " more phases");
    }
    return text;
}

/// The plan's lever as it should hold: at three quarters of what the worst phase sent, carried over
/// to the peak. Users have a rate each, so there are to be fewer of them.
std::string lower_rate(const Facts& facts) {
    const bool users = facts.plan.users.has_value();
    const scenario::Lever& lever = facts.plan.lever;
    const std::string lower = "Lower " + (users ? std::string("--users") : lever.name);
    const record::PhaseResult& phase = *facts.worst.phase;
    const double sent = phase.sent_rate_per_s();
    if (!(sent > 0) || !(phase.target_rate_per_s > 0)) return lower;
    const double kept = facts.worst.behind ? std::min(sent, phase.achieved_rate_per_s()) : sent;
    const double share = 0.75 * kept / phase.target_rate_per_s;
    if (users) {
        const double count = two_digits_of(share * facts.plan.users->count());
        return lower + " to " + format_count(static_cast<std::uint64_t>(std::max(count, 1.0)));
    }
    if (lever.at_peak > 0) {
        char text[32];
        std::snprintf(text, sizeof text, "%.10g", two_digits_of(share * lever.at_peak));
        return lower + " to " + text;
    }
    double peak = 0;
    for (const auto& each : facts.run.phases) peak = std::max(peak, each.target_rate_per_s);
    return lower + " to " + format_rate(std::max(two_digits_of(share * peak), 1e-3));
}

std::uint64_t connect_failures(const Facts& facts, std::initializer_list<Cause> causes) {
    std::uint64_t sum = 0;
    for (const Cause cause : causes) {
        sum += facts.run.generator.connect_failed_by[static_cast<std::size_t>(cause)];
    }
    return sum;
}

/// Whether a timeout says something of the target. It runs from the due time: of what is sent as
/// late as that, little is left to be answered in. But where every second one times out, it tells.
bool timeouts_tell(const Facts& facts) {
    const record::Accounting& a = facts.worst.phase->accounting;
    const std::int64_t left_ns = facts.plan.timeout.count() - facts.worst.lag_ns;
    return 2 * left_ns >= facts.worst.lag_ns || a.timed_out * 2 >= a.sent;
}

/// A target that is silent until the timeout; nothing that the generator lacks makes it so.
bool timed_out_much(const Facts& facts) {
    const record::Accounting& a = facts.worst.phase->accounting;
    return a.timed_out > 0 && a.timed_out * 100 >= a.sent && timeouts_tell(facts);
}

/// As many requests as the connections have places took as long as others waited to be sent.
bool all_places_stalled(const Facts& facts) {
    std::uint64_t as_long = timeouts_tell(facts) ? facts.worst.phase->accounting.timed_out : 0;
    facts.worst.phase->service.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        if (top_ns * 2 >= static_cast<std::uint64_t>(facts.worst.lag_ns)) as_long += count;
    });
    return static_cast<double>(as_long) >= busy_share * places(facts);
}

/// All connections in use over the whole phase, by Little's law, or requests that never got one.
bool busy_throughout(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const auto no_free = static_cast<std::size_t>(Cause::no_free_connection);
    const double in_use = phase.sent_rate_per_s() * phase.service.mean_ns() / 1e9;
    return phase.unsent_by[no_free] > 0 || in_use >= busy_share * places(facts);
}

std::optional<record::ArrivalSum> arrivals_of(const Facts& facts) {
    if (!facts.run.arrivals) return std::nullopt;
    const record::PhaseResult& phase = *facts.worst.phase;
    return record::arrivals_within(*facts.run.arrivals, phase.start, phase.start + phase.duration);
}

}  // namespace qck::report::blame
