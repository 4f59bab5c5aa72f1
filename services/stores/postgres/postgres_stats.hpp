#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/analytics/click_analytics.hpp"
#include "services/clicks/click.hpp"
#include "services/clicks/total_sink.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

/// Reads of click counts: from the replica, so behind by its lag, and from the primary while the
/// replica is out of reach. Thread-safe. The pools, which may be one and the same, outlive it.
class PostgresStats final : public analytics::SharedTotals {
public:
    PostgresStats(Pool& replica, Pool& primary) : replica_(replica), primary_(primary) {}

    struct LinkCounts {
        std::uint64_t link_id = 0;
        clicks::ClassTotals totals;  ///< of all producers
    };
    struct LinkCount {
        std::uint64_t link_id = 0;
        std::string code;
        std::uint64_t clicks = 0;
    };

    /// Of all producers; zeros when nothing was delivered. An index-only scan.
    Result<clicks::ClassTotals> link_totals(std::uint64_t link_id) override;
    /// links.click_count; empty when there is no such link.
    Result<std::optional<std::uint64_t>> click_count(std::uint64_t link_id);

    /// For comparing everything, page by page: at most `limit` links with ids from `from_id`,
    /// ascending. First those with totals, link 0 (unknown codes) included …
    Result<std::vector<LinkCounts>> totals_from(std::uint64_t from_id, std::size_t limit);
    /// … then what links.click_count says of all links …
    Result<std::vector<LinkCount>> counts_from(std::uint64_t from_id, std::size_t limit);
    /// … and what is held of one data directory, each link with all of its parts.
    Result<std::vector<clicks::LinkTotals>> producer_totals_from(std::uint64_t node,
                                                                 std::uint64_t from_id,
                                                                 std::size_t limit);

    /// The links with the most clicks, most first. Reads the whole table (no index has the count,
    /// which changes all the time): for warming caches, not for each request.
    Result<std::vector<LinkCount>> top(std::size_t limit);

private:
    Pool& replica_;
    Pool& primary_;
};

}  // namespace qck::postgres
