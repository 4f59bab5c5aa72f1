#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "services/reconcile/totals_view.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/script.hpp"

namespace qck::redis {

/// What Redis has of one node's producers, read as `clicks:{id}` shows it: where that differs from
/// the sum of all producers, the difference is laid to this node's count, so that it is found.
/// Only the links that are asked for: keys of others are not looked for. In a cluster links of one
/// slot share a script, so that a million of them take as many scripts as there are slots.
class RedisTotalsView final : public reconcile::TotalsView {
public:
    /// `client` outlives it.
    RedisTotalsView(BlockingClient& client, std::uint64_t node);

    std::string_view name() const override { return "redis"; }
    Result<std::vector<reconcile::LinkCount>> totals(std::span<const std::uint64_t> known) override;
    Result<bool> set(std::span<const clicks::LinkTotals> links) override;

private:
    /// Places in the list of links that is asked for.
    using Places = std::span<const std::uint32_t>;
    using MakeCommand = std::function<Command(Places links, bool by_hash)>;
    class Scripts;
    /// Replies in the order of the scripts.
    Result<std::vector<Reply>> run(std::span<const Places> scripts, const MakeCommand& make);
    /// Fills in what there is of the links of these scripts.
    Result<void> read(std::span<const Places> scripts, std::span<const std::uint64_t> known,
                      std::vector<std::uint64_t>& clicks);

    BlockingClient& client_;
    std::uint64_t node_;
    Script script_;
    Script set_script_;
    bool in_cluster_;
};

}  // namespace qck::redis
