#pragma once

#include <cstdint>
#include <optional>

#include "services/analytics/click_analytics.hpp"
#include "services/clicks/click.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

/// Reads of click counts: from the replica, so behind by its lag, and from the primary while the
/// replica is out of reach. Thread-safe. The pools, which may be one and the same, outlive it.
class PostgresStats final : public analytics::SharedTotals {
public:
    PostgresStats(Pool& replica, Pool& primary) : replica_(replica), primary_(primary) {}

    /// Of all producers; zeros when nothing was delivered. An index-only scan.
    Result<clicks::ClassTotals> link_totals(std::uint64_t link_id) override;
    /// links.click_count; empty when there is no such link.
    Result<std::optional<std::uint64_t>> click_count(std::uint64_t link_id);

private:
    Pool& replica_;
    Pool& primary_;
};

}  // namespace qck::postgres
