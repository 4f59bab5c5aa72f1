#include "services/stores/clickhouse/clickhouse_minutes_view.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "services/stores/clickhouse/event_queries.hpp"
#include "services/stores/clickhouse/reconcile_queries.hpp"

namespace qck::clickhouse {
namespace {

/// Mutations rewrite every part that has one of the rows.
constexpr std::chrono::minutes deletion_max{5};
constexpr std::chrono::milliseconds deletion_poll{50};
/// In one query, whose text is bounded (256 KiB by default).
constexpr std::size_t links_named_max = 4'096;
constexpr std::size_t pairs_named_max = 2'048;
constexpr std::string_view hours_table = "link_events_hourly_local";

/// Reads rows of `columns` UInt64.
template <std::size_t columns, class Visit>
Result<void> each_row(Client& client, const std::string& question, Visit&& visit) {
    const auto answer = client.query(question + " FORMAT RowBinary");
    if (!answer) return answer.error();
    std::array<std::uint64_t, columns> row;
    if (answer->size() % sizeof row != 0) {
        return error(Errc::corrupt, "ClickHouse answered with a part of a row");
    }
    for (std::size_t at = 0; at < answer->size(); at += sizeof row) {
        std::memcpy(&row, answer->data() + at, sizeof row);
        visit(row);
    }
    return {};
}

}  // namespace

ClickhouseMinutesView::ClickhouseMinutesView(ClientConfig config, std::uint64_t node)
    : client_([&config] {
          // 32 bytes a link and minute.
          config.answer_bytes_max = std::size_t{1} << 30;
          config.request_timeout = std::chrono::minutes(5);
          return std::move(config);
      }()),
      node_(node) {}

Result<std::vector<reconcile::MinuteDigest>> ClickhouseMinutesView::by_minute(
    const reconcile::MinuteScope& scope) {
    std::vector<reconcile::MinuteDigest> minutes;
    const auto read = each_row<3>(client_, minutes_question(node_, scope), [&](const auto& row) {
        minutes.push_back({0, static_cast<std::uint32_t>(row[0]), {row[1], row[2]}});
    });
    if (!read) return read.error();
    return minutes;
}

Result<std::vector<reconcile::MinuteDigest>> ClickhouseMinutesView::by_link(
    const reconcile::MinuteScope& scope, std::span<const std::uint32_t> minutes) {
    std::vector<reconcile::MinuteDigest> found;
    const auto read =
        each_row<4>(client_, link_minutes_question(node_, scope, minutes), [&](const auto& row) {
            found.push_back({row[0], static_cast<std::uint32_t>(row[1]), {row[2], row[3]}});
        });
    if (!read) return read.error();
    return found;
}

Result<std::vector<reconcile::HourClicks>> ClickhouseMinutesView::older(
    const reconcile::MinuteScope& scope, std::span<const std::uint64_t> links) {
    std::vector<reconcile::HourClicks> found;
    for (std::size_t at = 0; at < links.size(); at += links_named_max) {
        const auto part = links.subspan(at, std::min(links_named_max, links.size() - at));
        const auto read =
            each_row<4>(client_, older_question(node_, scope, part), [&](const auto& row) {
                if (row[1] >= clicks::click_class_count) return;
                found.push_back({row[0], static_cast<clicks::ClickClass>(row[1]),
                                 static_cast<std::uint32_t>(row[2]), row[3]});
            });
        if (!read) return read.error();
    }
    return found;
}

Result<void> ClickhouseMinutesView::take_away(const reconcile::MinuteScope& scope,
                                              std::span<const reconcile::MinuteDigest> of) {
    for (std::size_t at = 0; at < of.size(); at += pairs_named_max) {
        const auto part = of.subspan(at, std::min(pairs_named_max, of.size() - at));
        const std::string statement = take_away_statement(node_, scope, part);
        for (std::size_t server = 0; server < client_.nodes(); ++server) {
            if (const auto done = client_.query_at(server, statement); !done) return done.error();
        }
    }
    return await_deletions();
}

Result<void> ClickhouseMinutesView::await_deletions() {
    const std::int64_t by_ns = monotonic_ns() + std::chrono::nanoseconds(deletion_max).count();
    for (std::size_t server = 0; server < client_.nodes(); ++server) {
        while (true) {
            const auto going_on = client_.query_at(server, deleting_question());
            if (!going_on) return going_on.error();
            if (going_on->starts_with("0")) break;
            if (monotonic_ns() > by_ns) {
                return error(Errc::timed_out,
                             "ClickHouse at " + client_.node_text(server) +
                                 " still deletes rows (see system.mutations there); run this again "
                                 "when it is done");
            }
            std::this_thread::sleep_for(deletion_poll);
        }
    }
    return {};
}

Result<void> ClickhouseMinutesView::correct_hours(std::int64_t from_s, std::int64_t to_s) {
    const std::string statement = correct_hours_statement(from_s, to_s);
    std::set<std::string> corrected;
    for (std::size_t server = 0; server < client_.nodes(); ++server) {
        const auto path = client_.query_at(server, replica_path_question(hours_table));
        if (!path) return path.error();
        // The correction goes to the other replicas by itself: a second one would be added to it.
        if (!path->empty() && !corrected.insert(*path).second) continue;
        const auto behind = client_.query_at(server, lagging_question());
        if (!behind) return behind.error();
        if (!behind->starts_with("-") && !behind->starts_with("0")) {
            return error(Errc::unavailable,
                         "ClickHouse at " + client_.node_text(server) +
                             ": this replica has not fetched all that others have taken (see "
                             "system.replicas there); run this again when it has");
        }
        // By one at a time, also when the answer to an earlier one was not waited for. It is made
        // of what is there, and not one that is to be refused because it is like another.
        const auto done =
            client_.query_at(server, statement, "&query_id=qck-correct-hours&insert_deduplicate=0");
        if (!done) return done.error();
    }
    return {};
}

}  // namespace qck::clickhouse
