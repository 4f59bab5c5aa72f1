#include "services/stores/clickhouse/clickhouse_event_sink.hpp"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/http/target.hpp"
#include "services/stores/clickhouse/event_block.hpp"
#include "services/stores/clickhouse/event_queries.hpp"

namespace qck::clickhouse {
namespace {

constexpr std::chrono::milliseconds settle_poll{50};

std::string query_id_of(const clicks::EventBatch& batch) { return "qck-" + batch.token; }

}  // namespace

/// The same token whenever the batch is sent: replicas register it with the rows, and refuse those
/// of a second insert though the first was never answered. Parts of a batch that is there in part
/// are told apart by their month. Servers without tokens do so by the rows themselves.
std::string deduplication_settings(const clicks::EventBatch& batch, const ServerVersion& version) {
    if (version.has_deduplication_token()) return "&insert_deduplication_token=" + batch.token;
    return batch.again ? "&insert_deduplicate=0" : "";
}

ClickhouseEventSink::ClickhouseEventSink(EventSinkConfig config, bool earlier_inserts)
    : config_(std::move(config)), client_(config_.client) {
    const std::int64_t now = monotonic_ns();
    for (std::size_t node = 0; earlier_inserts && node < client_.nodes(); ++node) {
        doubts_.push_back({node, now});
    }
}

Result<void> ClickhouseEventSink::send(const clicks::EventBatch& batch) {
    awaits_ = false;
    if (batch.rows.empty()) return {};
    const auto version = client_.version();
    if (!version) return version.error();
    std::string settings = "&query_id=" + http::percent_encode(query_id_of(batch));
    settings += deduplication_settings(batch, *version);
    // One that was asked about may have fewer rows than when it was prepared.
    if (batch.asked || prepared_.token != batch.token) prepared_.body = event_blocks(batch);
    const std::string body = *std::exchange(prepared_, {}).body;
    const InsertOutcome begun = client_.begin_insert(insert_events, body, settings);
    note_doubt(begun);
    awaits_ = begun.result.has_value();
    return begun.result;
}

Result<void> ClickhouseEventSink::outcome() {
    if (!std::exchange(awaits_, false)) return {};
    const InsertOutcome ended = client_.end_insert();
    note_doubt(ended);
    return ended.result;
}

void ClickhouseEventSink::prepare(const clicks::EventBatch& batch) {
    prepared_ = {batch.token, event_blocks(batch)};
}

void ClickhouseEventSink::note_doubt(const InsertOutcome& outcome) {
    if (outcome.in_doubt) doubts_.push_back({outcome.node, monotonic_ns()});
}

Result<void> ClickhouseEventSink::settle(const Doubt& doubt, const std::string& query_id) {
    const std::string question = running_question(query_id);
    const std::int64_t until =
        monotonic_ns() + std::chrono::nanoseconds(config_.settle_for).count();
    while (true) {
        const auto running = client_.query_at(doubt.node, question);
        if (!running) {
            // Nobody listens: the process that may have had it is gone, and its sockets with it.
            if (client_.refuses(doubt.node)) return {};
            const auto gone_ns = std::chrono::nanoseconds(config_.gone_after).count();
            if (monotonic_ns() - doubt.since_ns > gone_ns) return {};
            return running.error();
        }
        if (!running->starts_with("0")) {
            return error(Errc::unavailable, "ClickHouse at " + client_.node_text(doubt.node) +
                                                ": an insert that got no answer still runs");
        }
        if (monotonic_ns() >= until) return {};
        std::this_thread::sleep_for(settle_poll);
    }
}

Result<void> ClickhouseEventSink::settle_all(const std::string& query_id) {
    while (!doubts_.empty()) {
        if (const auto settled = settle(doubts_.back(), query_id); !settled) return settled;
        doubts_.pop_back();
    }
    return {};
}

Result<void> ClickhouseEventSink::ask(const clicks::EventBatch& batch, std::size_t first,
                                      std::size_t end, std::vector<clicks::EventId>& found) {
    const auto answer = client_.query(present_question(batch, first, end) + " FORMAT RowBinary");
    if (!answer) return answer.error();
    for (std::size_t at = 0; at + 8 <= answer->size(); at += 8) {
        clicks::EventId id = batch.rows[first].id;
        std::memcpy(&id.sequence, answer->data() + at, 8);
        found.push_back(id);
    }
    return {};
}

Result<void> ClickhouseEventSink::await_replicas() {
    for (std::size_t node = 0; node < client_.nodes(); ++node) {
        const auto behind = client_.query_at(node, lagging_question());
        // One that is out of reach does not answer the question for rows either.
        if (!behind && !client_.answers(node)) continue;
        if (!behind) return behind.error();
        if (behind->starts_with("-")) return {};  // nothing is replicated here, nor elsewhere
        if (!behind->starts_with("0")) {
            return error(Errc::unavailable,
                         "ClickHouse at " + client_.node_text(node) +
                             ": this replica has not fetched all that others have taken, so nobody "
                             "can say what is missing (see system.replicas there; is another "
                             "replica down?)");
        }
    }
    return {};
}

Result<std::vector<clicks::EventId>> ClickhouseEventSink::present(const clicks::EventBatch& batch) {
    if (const auto settled = settle_all(query_id_of(batch)); !settled) return settled.error();
    if (const auto fetched = await_replicas(); !fetched) return fetched.error();
    std::vector<clicks::EventId> found;
    for (std::size_t first = 0; first < batch.rows.size();) {
        const auto& id = batch.rows[first].id;
        std::size_t end = first + 1;
        while (end < batch.rows.size() && batch.rows[end].id.shard == id.shard &&
               batch.rows[end].id.epoch == id.epoch) {
            ++end;
        }
        if (const auto asked = ask(batch, first, end, found); !asked) return asked.error();
        first = end;
    }
    return found;
}

}  // namespace qck::clickhouse
