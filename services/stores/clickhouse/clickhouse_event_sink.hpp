#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "services/clicks/event_sink.hpp"
#include "services/stores/clickhouse/client.hpp"

namespace qck::clickhouse {

struct EventSinkConfig {
    ClientConfig client;
    /// How long a node has to answer, and not to run the insert, before an insert that got no
    /// answer counts as ended: longer than a server that was stopped needs to begin with what lay
    /// in its sockets.
    std::chrono::milliseconds settle_for{1'000};
    /// A node that cannot be reached at all (not: refuses connections) is believed gone after this.
    std::chrono::milliseconds gone_after{600'000};
};

/// What an insert of the batch says, so that replicas store it once: `&name=value`, or nothing.
std::string deduplication_settings(const clicks::EventBatch& batch, const ServerVersion& version);

/// Clicks to link_events_local of one node at a time, as Native over HTTP.
///
/// An insert that got no answer may still be executed: from the socket of a server that hangs. So
/// present() answers only when the node that got it is seen to run it no more (its query id is not
/// in system.processes, for `settle_for` without a gap), refuses connections (the process is gone,
/// and its sockets with it), or is gone for good, and every replica in reach has fetched what was
/// registered: one that lags would not show rows that are stored. See docs/adr/0081 and 0165.
class ClickhouseEventSink final : public clicks::EventSink {
public:
    /// Does not connect. `earlier_inserts`: an insert of an earlier process may still be going on.
    ClickhouseEventSink(EventSinkConfig config, bool earlier_inserts = true);

    std::string_view name() const override { return "clickhouse"; }
    Result<void> send(const clicks::EventBatch& batch) override;
    Result<void> outcome() override;
    void prepare(const clicks::EventBatch& batch) override;
    Result<std::vector<clicks::EventId>> present(const clicks::EventBatch& batch) override;

    Client& client() { return client_; }

private:
    struct Doubt {
        std::size_t node = 0;
        std::int64_t since_ns = 0;
    };
    /// A batch as it goes over the wire.
    struct Prepared {
        std::string token;
        std::optional<std::string> body;
    };
    void note_doubt(const InsertOutcome& outcome);
    /// Whether the query is over at that node; an error says why that is not known.
    Result<void> settle(const Doubt& doubt, const std::string& query_id);
    Result<void> settle_all(const std::string& query_id);
    /// Whether no replica in reach lacks a part that another has registered.
    Result<void> await_replicas();
    Result<void> ask(const clicks::EventBatch& batch, std::size_t first, std::size_t end,
                     std::vector<clicks::EventId>& found);

    EventSinkConfig config_;
    Client client_;
    std::vector<Doubt> doubts_;
    Prepared prepared_;
    bool awaits_ = false;  ///< an insert was sent, and its answer is to come
};

}  // namespace qck::clickhouse
