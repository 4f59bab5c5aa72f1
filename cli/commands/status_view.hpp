#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/render/status_screen.hpp"

namespace qck::commands {

/// GET /v1/status of one instance at one instant, or why there is none.
struct StatusReading {
    nlohmann::ordered_json status;
    std::int64_t at_ns = 0;  ///< monotonic
    std::string failure;     ///< empty when it answered

    bool up() const { return failure.empty(); }
};

/// The 99th percentile of a histogram with those upper bounds and one more bucket above them,
/// linear within a bucket; above the last bound that bound. Empty without a count.
std::optional<double> percentile_us(std::span<const double> bounds,
                                    std::span<const std::uint64_t> counts, double share);

/// Two readings of each instance, in the same order, become one view: sums, the longest lags, and
/// rates by the difference. An instance that answered only now counts without a rate.
render::StatusView status_view(const std::vector<StatusReading>& before,
                               const std::vector<StatusReading>& now);

}  // namespace qck::commands
