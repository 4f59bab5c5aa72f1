#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "services/reconcile/minutes_view.hpp"
#include "services/reconcile/totals_view.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/redis/blocking_client.hpp"

namespace qck::commands {

/// The stores that instances share, as a comparison without a service looks at them.
class SharedViews {
public:
    struct Addresses {
        std::optional<redis::ClientConfig> redis;
        std::string postgres;
        std::optional<clickhouse::ClickhouseUrl> clickhouse;
        bool any() const { return redis || !postgres.empty() || clickhouse; }
    };
    /// `node` is the data directory's. Connects when asked.
    static Result<std::unique_ptr<SharedViews>> open(const Addresses& addresses,
                                                     std::uint64_t node);

    std::vector<reconcile::TotalsView*> views() const;
    reconcile::MinutesView* minutes() const { return minutes_.get(); }

    /// Links are in PostgreSQL, where there is one. Empty, and 0, when it does not know; codes are
    /// in the order of the ids.
    bool has_links() const { return primary_ != nullptr; }
    std::vector<std::string> codes_of(std::span<const std::uint64_t> ids) const;
    Result<std::uint64_t> id_of(const std::string& code) const;

private:
    SharedViews() = default;

    std::unique_ptr<redis::BlockingClient> redis_;
    std::unique_ptr<postgres::Pool> primary_;
    std::vector<std::unique_ptr<reconcile::TotalsView>> views_;
    std::unique_ptr<reconcile::MinutesView> minutes_;
};

}  // namespace qck::commands
