#pragma once

#include <cstdint>

#include "services/reconcile/totals_view.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

/// What PostgreSQL has of one node's producers, read as links.click_count shows it: where that
/// differs from the sum of all producers, the difference is laid to this node's count, so that it
/// is found. A link that is gone has its totals only.
class PostgresTotalsView final : public reconcile::TotalsView {
public:
    /// `primary` outlives it.
    PostgresTotalsView(Pool& primary, std::uint64_t node) : primary_(primary), node_(node) {}

    std::string_view name() const override { return "postgres"; }
    Result<void> has_tables() override;
    Result<std::vector<reconcile::LinkCount>> totals(std::span<const std::uint64_t> known) override;
    Result<bool> set(std::span<const clicks::LinkTotals> links) override;

private:
    Result<void> set_batch(std::span<const clicks::LinkTotals> links);

    Pool& primary_;
    std::uint64_t node_;
};

}  // namespace qck::postgres
