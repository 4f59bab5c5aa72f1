#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "services/reconcile/compare.hpp"

namespace qck::reconcile {

/// Compares the rows of `request.minutes` with the journal's clicks up to `limits` (without: all of
/// them): first the digests of whole minutes, then, of those that differ, each link's; so equal
/// stores cost one short answer, however many links there are.
///
/// The links of at most some millions of clicks are compared in one go; of further minutes that
/// differ only the number is told. `held_back` (ascending) are left out.
Result<MinuteComparison> compare_minutes(
    const Request& request, const std::optional<std::vector<clicks::ProducerCursor>>& limits,
    std::span<const std::uint64_t> held_back);

/// What compare_minutes() compares, with the stretches of now.
Result<MinuteScope> minute_scope(const Request& request,
                                 const std::optional<std::vector<clicks::ProducerCursor>>& limits,
                                 std::span<const std::uint64_t> held_back);

}  // namespace qck::reconcile
