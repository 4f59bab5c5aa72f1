#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/frame.hpp"
#include "services/reconcile/minutes_view.hpp"

namespace qck::reconcile {

/// Stretches of one data directory are compared one by one up to so many; each restart with a loss
/// and each damaged place makes one more.
inline constexpr std::size_t stretches_max = 256;

/// A click that a segment still has.
struct KeptClick {
    clicks::EventId id;
    std::uint64_t epoch_hash;  ///< of event_digest.hpp
    clicks::Frame frame;

    std::uint32_t minute() const;  ///< as the rows of stores have it
    std::uint64_t hash() const { return event_hash(epoch_hash, id.sequence); }
};

/// Visits every click in the segments that are kept, shard by shard in order, up to each shard's
/// cursor in `limits` (without: to the end, and nobody may be writing). The stretches that were
/// read. Safe beside a service that tidies.
Result<std::vector<EventStretch>> each_kept_click(
    const std::filesystem::path& data_dir,
    const std::optional<std::vector<clicks::ProducerCursor>>& limits,
    const std::function<void(const KeptClick&)>& visit);

/// Digests of all clicks that the journal has and that are in `scope`, but for its stretches,
/// which are set to what was read, and its minutes, which are narrowed to those that there are: by
/// minute, all links summed.
Result<std::vector<MinuteDigest>> kept_by_minute(
    const std::filesystem::path& data_dir,
    const std::optional<std::vector<clicks::ProducerCursor>>& limits, MinuteScope& scope);

/// By link and minute, of `minutes` (ascending) alone. Errc::conflict when the journal no longer
/// has the scope's stretches.
Result<std::vector<MinuteDigest>> kept_by_link(
    const std::filesystem::path& data_dir,
    const std::optional<std::vector<clicks::ProducerCursor>>& limits, const MinuteScope& scope,
    std::span<const std::uint32_t> minutes);

}  // namespace qck::reconcile
