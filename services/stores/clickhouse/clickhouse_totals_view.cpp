#include "services/stores/clickhouse/clickhouse_totals_view.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "services/stores/clickhouse/schema.hpp"
#include "services/stores/clickhouse/sql_text.hpp"

namespace qck::clickhouse {
namespace {

/// To find out whether a table is there.
constexpr std::chrono::milliseconds look_max{2'000};

}  // namespace

ClickhouseTotalsView::ClickhouseTotalsView(ClientConfig config, std::uint64_t node)
    : client_([&config] {
          // 16 bytes a link.
          config.answer_bytes_max = std::size_t{1} << 30;
          config.request_timeout = std::chrono::minutes(5);
          return std::move(config);
      }()),
      node_(node) {}

/// Of every node that answers.
Result<void> ClickhouseTotalsView::has_tables() {
    ClientConfig config = client_.config();
    config.connect_timeout = config.request_timeout = look_max;
    Client client(std::move(config));
    for (std::size_t node = 0; node < client.nodes(); ++node) {
        for (const std::string& table : schema_names()) {
            const auto there = client.query_at(node, "EXISTS TABLE " + table);
            if (there && !there->starts_with("0")) continue;
            if (!there && there.error().code != Errc::not_found) break;
            return error(Errc::unavailable,
                         "ClickHouse at " + client.node_text(node) + " has no table " + table +
                             " (run qck init --clickhouse URL), then qck reconcile --repair");
        }
    }
    return {};
}

Result<std::vector<reconcile::LinkCount>> ClickhouseTotalsView::totals(
    std::span<const std::uint64_t> /*known*/) {
    const auto answer = client_.query(
        sql("SELECT link_id, sum(clicks) FROM qck_analytics.link_events WHERE node = ?"
            " GROUP BY link_id ORDER BY link_id FORMAT RowBinary",
            {node_}));
    if (!answer) {
        // A table that went meanwhile is not a link that is not there.
        if (answer.error().code != Errc::not_found) return answer.error();
        return error(Errc::unavailable, answer.error().message);
    }
    constexpr std::size_t row_bytes = 16;
    if (answer->size() % row_bytes != 0) {
        return error(Errc::corrupt, "ClickHouse answered with a part of a row");
    }
    std::vector<reconcile::LinkCount> counts(answer->size() / row_bytes);
    for (std::size_t row = 0; row < counts.size(); ++row) {
        std::memcpy(&counts[row].link_id, answer->data() + row * row_bytes, 8);
        std::memcpy(&counts[row].clicks, answer->data() + row * row_bytes + 8, 8);
    }
    return counts;
}

}  // namespace qck::clickhouse
