#pragma once

#include <chrono>
#include <cstdint>

#include "services/reconcile/minutes_view.hpp"
#include "services/stores/clickhouse/client.hpp"

namespace qck::clickhouse {

/// The rows of one node's clicks, by their event ids.
class ClickhouseMinutesView final : public reconcile::MinutesView {
public:
    ClickhouseMinutesView(ClientConfig config, std::uint64_t node);

    std::string_view name() const override { return "clickhouse"; }
    Result<std::vector<reconcile::MinuteDigest>> by_minute(
        const reconcile::MinuteScope& scope) override;
    Result<std::vector<reconcile::MinuteDigest>> by_link(
        const reconcile::MinuteScope& scope, std::span<const std::uint32_t> minutes) override;
    Result<std::vector<reconcile::HourClicks>> older(const reconcile::MinuteScope& scope,
                                                     std::span<const std::uint64_t> links) override;
    /// By a mutation at every node, waited for.
    Result<void> take_away(const reconcile::MinuteScope& scope,
                           std::span<const reconcile::MinuteDigest> of) override;

    /// Makes the hourly tables of every node agree with its rows, for the hours from `from_s` to
    /// `to_s` (since 1970). They count what is inserted, so rows that were lost and given again,
    /// and those that were taken away, are in them still.
    Result<void> correct_hours(std::int64_t from_s, std::int64_t to_s);

private:
    Result<void> await_deletions();

    Client client_;
    std::uint64_t node_;
};

}  // namespace qck::clickhouse
