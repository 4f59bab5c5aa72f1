#pragma once

#include <cstdint>

#include "services/reconcile/totals_view.hpp"
#include "services/stores/clickhouse/client.hpp"

namespace qck::clickhouse {

/// The rows of one node's clicks, counted by their weights. Rows that are there twice count twice.
class ClickhouseTotalsView final : public reconcile::TotalsView {
public:
    ClickhouseTotalsView(ClientConfig config, std::uint64_t node);

    std::string_view name() const override { return "clickhouse"; }
    Result<void> has_tables() override;
    Result<std::vector<reconcile::LinkCount>> totals(std::span<const std::uint64_t> known) override;
    Result<bool> set(std::span<const clicks::LinkTotals> /*links*/) override { return false; }

private:
    Client client_;
    std::uint64_t node_;
};

}  // namespace qck::clickhouse
