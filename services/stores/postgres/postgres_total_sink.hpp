#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/clicks/total_sink.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

/// `<node in 16 hex digits>.<shard>`, the name of a producer in link_click_totals and in Redis.
std::string producer_name(std::uint64_t node, std::uint16_t shard);

/// Totals of producers in link_click_totals, and their sum in links.click_count.
///
/// A batch is one statement, so it is all or nothing: it raises each total to the greater of old
/// and new, and adds what was gained to the links. What is not greater makes no new row version,
/// so sending again is cheap, and exact even while a former attempt that was given up still runs on
/// the server. Writes depend on how many links had clicks since the last batch, never on how many
/// clicks. Rows are locked in the order of ids, as edits of links do. A link that is gone keeps its
/// totals; so do unknown codes (id 0).
class PostgresTotalSink final : public clicks::TotalSink {
public:
    struct Options {
        /// Links in one statement.
        std::size_t batch_max = 10'000;
        /// A batch waits for links that are being edited, and on Citus for the other nodes.
        std::chrono::milliseconds batch_timeout{15'000};
        /// For Citus, which refuses statements that change two tables of which one is distributed:
        /// the same in one transaction of two statements. Without a value the server is asked.
        std::optional<bool> two_statements;
    };

    /// `primary` outlives the sink.
    explicit PostgresTotalSink(Pool& primary) : PostgresTotalSink(primary, Options{}) {}
    PostgresTotalSink(Pool& primary, Options options) : primary_(primary), options_(options) {}

    std::string_view name() const override { return "postgres"; }
    /// A link was lost if it was delivered before and none of its totals was there: the server went
    /// back to an older backup or replica. (Where the totals alone were lost, recount() as well.)
    Result<clicks::Taken> deliver(std::uint64_t node,
                                  std::span<const clicks::LinkTotals> links) override;

    /// Raises links.click_count to the sum of the link's totals, for each of these links: for
    /// repair. Exact beside deliveries. Returns how many counts were too low.
    Result<std::uint64_t> recount(std::span<const std::uint64_t> link_ids);

private:
    Result<bool> takes_two_statements(Connection& connection);

    Pool& primary_;
    Options options_;
};

}  // namespace qck::postgres
