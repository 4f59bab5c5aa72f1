#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/event_sink.hpp"
#include "services/reconcile/event_digest.hpp"

namespace qck::reconcile {

/// A stretch of one shard's records that the journal has without a gap: all event ids from `first`
/// to `last`, both included, in order of (epoch, sequence).
struct EventStretch {
    clicks::EventId first;
    clicks::EventId last;
    friend bool operator==(const EventStretch&, const EventStretch&) = default;
};

/// Which of one node's clicks are compared.
struct MinuteScope {
    std::vector<EventStretch> stretches;      ///< sorted; not empty
    std::uint32_t first_minute = 0;           ///< since 1970
    std::uint32_t last_minute = 0;            ///< included
    std::vector<std::uint64_t> only_links;    ///< sorted; empty: all
    std::vector<std::uint64_t> except_links;  ///< sorted

    bool has(std::uint64_t link_id) const;
};

struct MinuteDigest {
    std::uint64_t link_id = 0;  ///< meaningless where all links are summed
    std::uint32_t minute = 0;   ///< since 1970
    EventDigest digest;
    friend bool operator==(const MinuteDigest&, const MinuteDigest&) = default;
};

/// Clicks of one link, class and hour.
struct HourClicks {
    std::uint64_t link_id = 0;
    clicks::ClickClass click_class = clicks::ClickClass::human;
    std::uint32_t hour = 0;  ///< since 1970
    std::uint64_t clicks = 0;
};

/// A store of one row a click, as the journal's clicks are compared with it. Blocking; used by one
/// thread.
class MinutesView {
public:
    virtual ~MinutesView() = default;

    /// As TotalsView::name().
    virtual std::string_view name() const = 0;
    /// Ascending by minute, all links summed.
    virtual Result<std::vector<MinuteDigest>> by_minute(const MinuteScope& scope) = 0;
    /// Of these minutes (ascending), ascending by link, then minute.
    virtual Result<std::vector<MinuteDigest>> by_link(const MinuteScope& scope,
                                                      std::span<const std::uint32_t> minutes) = 0;
    /// What it has of these links (ascending) from before the scope's stretches: rows of clicks
    /// whose records the journal no longer has, by their weights. In any order.
    virtual Result<std::vector<HourClicks>> older(const MinuteScope& scope,
                                                  std::span<const std::uint64_t> links) = 0;
    /// Takes away every row within the scope of these links in these minutes, and returns when they
    /// are gone. The journal has them all, so they can be given again.
    virtual Result<void> take_away(const MinuteScope& scope, std::span<const MinuteDigest> of) = 0;
};

}  // namespace qck::reconcile
