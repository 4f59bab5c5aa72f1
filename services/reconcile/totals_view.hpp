#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/total_sink.hpp"

namespace qck::reconcile {

/// Clicks of one link, all classes.
struct LinkCount {
    std::uint64_t link_id = 0;
    std::uint64_t clicks = 0;
    friend bool operator==(const LinkCount&, const LinkCount&) = default;
};

/// What a store that instances share holds of one instance's producers: the port by which it is
/// compared with that instance's journal. Blocking; used by one thread.
class TotalsView {
public:
    virtual ~TotalsView() = default;

    /// `redis`, `clickhouse`, `postgres`.
    virtual std::string_view name() const = 0;
    /// An error when the store answers that what it keeps counts in is not there; what does not
    /// answer within seconds is not complained of.
    virtual Result<void> has_tables() { return {}; }
    /// Every link with clicks of the producers, ascending by id. `known` (ascending) are links that
    /// the journal has, for stores that are asked by key.
    virtual Result<std::vector<LinkCount>> totals(std::span<const std::uint64_t> known) = 0;
    /// Makes this instance's totals of these links what they are told to be, also where that is
    /// less, and the link's count the sum of every producer's. False: the store's counts cannot be
    /// set (they are rows).
    virtual Result<bool> set(std::span<const clicks::LinkTotals> links) = 0;
};

/// Links whose clicks a store is not given yet, on purpose: they are in a burst.
struct HeldBack {
    std::string store;                 ///< TotalsView::name()
    std::vector<std::uint64_t> links;  ///< ascending
};

}  // namespace qck::reconcile
