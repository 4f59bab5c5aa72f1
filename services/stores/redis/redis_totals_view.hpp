#pragma once

#include <cstdint>
#include <functional>

#include "services/reconcile/totals_view.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/script.hpp"

namespace qck::redis {

/// What Redis has of one node's producers, read as `clicks:{id}` shows it: where that differs from
/// the sum of all producers, the difference is laid to this node's count, so that it is found.
/// Only the links that are asked for: keys of others are not looked for.
class RedisTotalsView final : public reconcile::TotalsView {
public:
    /// `client` outlives it.
    RedisTotalsView(BlockingClient& client, std::uint64_t node);

    std::string_view name() const override { return "redis"; }
    Result<std::vector<reconcile::LinkCount>> totals(std::span<const std::uint64_t> known) override;
    Result<bool> set(std::span<const clicks::LinkTotals> links) override;

private:
    using MakeCommand = std::function<Command(std::size_t first, std::size_t links, bool by_hash)>;
    /// Runs a script on `links` links in scripts of several; replies in their order.
    Result<std::vector<Reply>> run(std::size_t links, const MakeCommand& make);
    Result<void> read(std::span<const std::uint64_t> links,
                      std::vector<reconcile::LinkCount>& counts);

    BlockingClient& client_;
    std::uint64_t node_;
    Script script_;
    Script set_script_;
    std::size_t links_per_script_;
};

}  // namespace qck::redis
