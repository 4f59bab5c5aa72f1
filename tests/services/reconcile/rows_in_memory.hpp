#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "services/reconcile/journal_minutes.hpp"
#include "services/reconcile/minutes_view.hpp"
#include "tests/support/catch.hpp"

namespace qck::reconcile::test {

/// Rows in memory, compared as ClickHouse compares its own.
class Rows final : public MinutesView {
public:
    struct Row {
        clicks::EventId id;
        std::uint64_t hash = 0;
        std::uint64_t link_id = 0;
        std::uint32_t minute = 0;
        std::uint64_t clicks = 1;
        clicks::ClickClass click_class = clicks::ClickClass::human;
    };
    std::vector<Row> rows;

    void copy_journal(const std::filesystem::path& path) {
        rows.clear();
        const auto read = each_kept_click(path, std::nullopt, [&](const auto& click) {
            rows.push_back({click.id, click.hash(), click.frame.link_id(), click.minute(), 1,
                            static_cast<clicks::ClickClass>(click.frame.click_class())});
        });
        REQUIRE(read.has_value());
    }

    std::string_view name() const override { return "rows"; }
    Result<std::vector<MinuteDigest>> by_minute(const MinuteScope& scope) override {
        return digests(scope, false, [](const Row&) { return true; });
    }
    Result<std::vector<MinuteDigest>> by_link(const MinuteScope& scope,
                                              std::span<const std::uint32_t> minutes) override {
        return digests(scope, true, [&](const Row& row) {
            return std::find(minutes.begin(), minutes.end(), row.minute) != minutes.end();
        });
    }
    Result<std::vector<HourClicks>> older(const MinuteScope& scope,
                                          std::span<const std::uint64_t> links) override {
        std::vector<HourClicks> found;
        for (const Row& row : rows) {
            if (within(scope, row.id)) continue;
            if (std::find(links.begin(), links.end(), row.link_id) == links.end()) continue;
            found.push_back({row.link_id, row.click_class, row.minute / 60, row.clicks});
        }
        return found;
    }
    Result<void> take_away(const MinuteScope&, std::span<const MinuteDigest>) override {
        return {};
    }

private:
    static bool within(const MinuteScope& scope, const clicks::EventId& id) {
        return std::any_of(
            scope.stretches.begin(), scope.stretches.end(),
            [&](const auto& stretch) { return stretch.first <= id && id <= stretch.last; });
    }
    template <class Wanted>
    std::vector<MinuteDigest> digests(const MinuteScope& scope, bool links, Wanted&& wanted) {
        std::map<std::pair<std::uint64_t, std::uint32_t>, EventDigest> sums;
        for (const Row& row : rows) {
            const bool in_time =
                scope.first_minute <= row.minute && row.minute <= scope.last_minute;
            if (!in_time || !within(scope, row.id) || !scope.has(row.link_id) || !wanted(row)) {
                continue;
            }
            sums[{links ? row.link_id : 0, row.minute}].add({row.clicks, row.hash});
        }
        std::vector<MinuteDigest> found;
        for (const auto& [key, digest] : sums) found.push_back({key.first, key.second, digest});
        return found;
    }
};

}  // namespace qck::reconcile::test
