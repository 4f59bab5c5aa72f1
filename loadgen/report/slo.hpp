#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "loadgen/record/run_result.hpp"

namespace qck::report {

/// One objective, as parsed from `p99<5ms`, `errors<0.1%` or `peak:p999<=20ms`.
struct Slo {
    enum class Metric : std::uint8_t {
        percentile,  ///< of latency from the due time
        mean,        ///< likewise
        max,         ///< likewise
        errors,      ///< share of scheduled that failed, timed out, stayed unsent or was answered
                     ///< by what the plan did not ask for (PhaseResult::unexpected)
        rate,        ///< answered per second
    };
    enum class Order : std::uint8_t { below, at_most, above, at_least };

    std::string expression;  ///< as given
    std::string phase;       ///< empty: the whole run
    Metric metric = Metric::percentile;
    double percentile = 0;  ///< 0..1
    Order order = Order::below;
    double bound = 0;  ///< nanoseconds, a share, or per second
};

/// What an objective came to.
struct Objective {
    std::string expression;
    double value = 0;  ///< in `unit`; 0 when nothing was measured
    std::string unit;  ///< `us`, `share` or `per_s`
    bool measured = true;
    bool pass = false;  ///< never true of what was not measured
};

/// Parses `[PHASE:]METRIC OP BOUND`: METRIC is p50 … p99, p999, p99.95, mean, max, errors or rate;
/// OP one of < <= > >=, of which rate takes > and >=, the rest < and <=. Times carry a unit, errors
/// are `0.1%` or a share, a rate is as in `--rate`. Errors are one line that says what was
/// expected.
Result<Slo> parse_slo(std::string_view text);

/// Fails, naming the phases there are, when `slo` names another.
Result<void> check_phase(const Slo& slo, const std::vector<std::string>& phases);

Objective evaluate(const Slo& slo, const record::RunResult& run);

/// The value for a person: `0.48 ms`, `0.02 %`, `120k/s`, or `not measured`.
std::string shown_value(const Objective& objective);

}  // namespace qck::report
