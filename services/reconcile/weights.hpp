#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/event_sink.hpp"
#include "services/reconcile/compare.hpp"

namespace qck::reconcile {

/// Rows that stand for many clicks are numbered as if by this shard, which no journal has, in an
/// epoch of its own for each repair.
inline constexpr std::uint16_t weight_shard = UINT16_MAX;

/// What `request.minutes` lacks of these links (ascending) of clicks whose records the journal no
/// longer has: the journal's total of each class, less what its segments still have, less the
/// store's older rows. Ascending by link, class and hour, nothing that is 0.
///
/// The hours are those in which the local store has more than the other two; what no hour is known
/// of goes to the first hour of the link that is known, or else before the oldest segment.
Result<std::vector<HourClicks>> older_missing(const Request& request, clicks::ClickStore& store,
                                              std::span<const std::uint64_t> links);

/// Rows of these weights, at the beginning of their hours. `epoch` is of this repair alone: seconds
/// since 1970.
clicks::EventBatch weight_batch(std::uint64_t node, std::uint32_t epoch, std::uint64_t first,
                                std::span<const HourClicks> weights);

}  // namespace qck::reconcile
