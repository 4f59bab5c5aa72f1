#include "loadgen/report/slo.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/units.hpp"

namespace qck::report {
namespace {

Error wrong(std::string_view text, const std::string& why) {
    return error(Errc::invalid_argument, "'" + std::string(text) + "': " + why);
}

std::optional<double> decimal(std::string_view text) {
    double value = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (failure != std::errc{} || end != text.data() + text.size() || text[0] == '-') {
        return std::nullopt;
    }
    return value;
}

/// 0.999 of "p999" and of "p99.9": two digits are whole percents, more of them the digits after;
/// without a point only behind a 9, for "p200" is nobody's 20 %.
std::optional<double> percentile_of(std::string_view name) {
    std::string digits(name.substr(1));
    if (const auto point = digits.find('.'); point == 2) {
        digits.erase(point, 1);
    } else if (digits.size() > 2 && digits[0] != '9') {
        return std::nullopt;
    }
    const bool all_digits =
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits.size() < 2 || digits.size() > 7 || !all_digits) return std::nullopt;
    return std::stod("0." + digits);
}

bool set_metric(std::string_view name, Slo& slo) {
    if (name == "mean") {
        slo.metric = Slo::Metric::mean;
    } else if (name == "max") {
        slo.metric = Slo::Metric::max;
    } else if (name == "errors") {
        slo.metric = Slo::Metric::errors;
    } else if (name == "rate") {
        slo.metric = Slo::Metric::rate;
    } else if (!name.empty() && name[0] == 'p' && percentile_of(name)) {
        slo.metric = Slo::Metric::percentile;
        slo.percentile = *percentile_of(name);
    } else {
        return false;
    }
    return true;
}

Result<double> bound_of(const Slo& slo, std::string_view text) {
    if (slo.metric == Slo::Metric::rate) return parse_rate(text);
    if (slo.metric == Slo::Metric::errors) {
        const bool percents = !text.empty() && text.back() == '%';
        if (percents) text.remove_suffix(1);
        const auto number = text.empty() ? std::nullopt : decimal(text);
        const double share = number.value_or(-1) / (percents ? 100 : 1);
        if (!(share >= 0 && share <= 1)) {
            return error(Errc::invalid_argument, "'" + std::string(text) + (percents ? "%" : "") +
                                                     "' is not a share (try 0.1% or 0.001)");
        }
        return share;
    }
    const auto span = parse_duration(text);
    if (!span) return span.error();
    return static_cast<double>(span->count());
}

/// Where the operator stands, and how long it is.
struct Operator {
    std::size_t at = std::string_view::npos;
    std::size_t length = 0;
};

Operator find_operator(std::string_view text, Slo::Order& order) {
    const std::size_t at = text.find_first_of("<>");
    if (at == std::string_view::npos) return {};
    const bool equal = at + 1 < text.size() && text[at + 1] == '=';
    if (text[at] == '<') {
        order = equal ? Slo::Order::at_most : Slo::Order::below;
    } else {
        order = equal ? Slo::Order::at_least : Slo::Order::above;
    }
    return {at, equal ? std::size_t{2} : std::size_t{1}};
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// What an objective looks at, of one phase or of all.
struct Measured {
    stats::Histogram latency;
    record::Accounting accounting;
    std::uint64_t unexpected = 0;
    double seconds = 0;
};

Measured measured_of(const Slo& slo, const record::RunResult& run) {
    Measured sum;
    for (const record::PhaseResult& phase : run.phases) {
        if (!slo.phase.empty() && phase.name != slo.phase) continue;
        sum.latency.add(phase.latency);
        sum.accounting += phase.accounting;
        sum.unexpected += phase.unexpected_count();
        sum.seconds += std::chrono::duration<double>(phase.duration).count();
    }
    return sum;
}

bool holds(Slo::Order order, double value, double bound) {
    switch (order) {
        case Slo::Order::below:
            return value < bound;
        case Slo::Order::at_most:
            return value <= bound;
        case Slo::Order::above:
            return value > bound;
        case Slo::Order::at_least:
            return value >= bound;
    }
    return false;
}

}  // namespace

Result<Slo> parse_slo(std::string_view text) {
    Slo slo;
    slo.expression = text;
    const Operator op = find_operator(text, slo.order);
    if (op.at == std::string_view::npos) {
        return wrong(text, "no < or > in it (try p99<5ms, errors<0.1% or peak:p999<=20ms)");
    }
    std::string_view metric = trimmed(text.substr(0, op.at));
    if (const std::size_t colon = metric.rfind(':'); colon != std::string_view::npos) {
        slo.phase = trimmed(metric.substr(0, colon));
        if (slo.phase.empty()) return wrong(text, "no phase before the colon");
        metric = trimmed(metric.substr(colon + 1));
    }
    if (!set_metric(metric, slo)) {
        return wrong(text, "'" + std::string(metric) +
                               "' is not a measure (known: p50, p99, p999 and the like, mean, max, "
                               "errors, rate)");
    }
    const bool upward = slo.order == Slo::Order::above || slo.order == Slo::Order::at_least;
    if (upward != (slo.metric == Slo::Metric::rate)) {
        return wrong(text, upward ? std::string(metric) + " is to stay below a bound (use < or <=)"
                                  : "rate is to stay above a bound (use > or >=)");
    }
    const auto bound = bound_of(slo, trimmed(text.substr(op.at + op.length)));
    if (!bound) return wrong(text, bound.error().message);
    slo.bound = *bound;
    return slo;
}

Result<void> check_phase(const Slo& slo, const std::vector<std::string>& phases) {
    if (slo.phase.empty() || std::find(phases.begin(), phases.end(), slo.phase) != phases.end()) {
        return {};
    }
    std::string known;
    for (const std::string& phase : phases) known += (known.empty() ? "" : ", ") + phase;
    return wrong(slo.expression, "there is no phase '" + slo.phase + "' (there are " + known + ")");
}

Objective evaluate(const Slo& slo, const record::RunResult& run) {
    const Measured measured = measured_of(slo, run);
    Objective objective{slo.expression, 0, "us", measured.latency.count() > 0, false};
    double value = 0;
    switch (slo.metric) {
        case Slo::Metric::percentile:
            value = static_cast<double>(measured.latency.percentile_ns(slo.percentile));
            break;
        case Slo::Metric::mean:
            value = measured.latency.mean_ns();
            break;
        case Slo::Metric::max:
            value = static_cast<double>(measured.latency.max_ns());
            break;
        case Slo::Metric::errors: {
            const record::Accounting& a = measured.accounting;
            const std::uint64_t errors = a.failed + a.timed_out + a.unsent + measured.unexpected;
            objective.unit = "share";
            objective.measured = a.scheduled > 0;
            if (a.scheduled > 0) {
                value = static_cast<double>(errors) / static_cast<double>(a.scheduled);
            }
            break;
        }
        case Slo::Metric::rate:
            objective.unit = "per_s";
            objective.measured = measured.seconds > 0;
            if (measured.seconds > 0) {
                value = static_cast<double>(measured.accounting.answered) / measured.seconds;
            }
            break;
    }
    objective.pass = objective.measured && holds(slo.order, value, slo.bound);
    objective.value = objective.unit == "us" ? value / 1e3 : value;
    return objective;
}

std::string shown_value(const Objective& objective) {
    if (!objective.measured) return "not measured";
    if (objective.unit == "per_s") return format_rate(objective.value) + "/s";
    if (objective.unit == "share") {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.3g %%", objective.value * 100);
        return text.data();
    }
    return format_duration(std::chrono::nanoseconds(std::llround(objective.value * 1e3)));
}

}  // namespace qck::report
