#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"

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
    /// Every link with clicks of the producers, ascending by id. `known` (ascending) are links that
    /// the journal has, for stores that are asked by key.
    virtual Result<std::vector<LinkCount>> totals(std::span<const std::uint64_t> known) = 0;
};

}  // namespace qck::reconcile
