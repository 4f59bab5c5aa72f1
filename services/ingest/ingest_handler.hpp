#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "services/clicks/journal_shard.hpp"
#include "services/clicks/stored_ip.hpp"
#include "services/http_server/exchange.hpp"
#include "services/ingest/answers.hpp"
#include "services/ingest/body.hpp"
#include "services/ingest/event_types.hpp"
#include "services/ingest/flat_object.hpp"
#include "services/ingest/incoming.hpp"
#include "services/ingest/ingest_counters.hpp"
#include "services/ingest/link_ids.hpp"
#include "services/ingest/recent_keys.hpp"

namespace qck::ingest {

struct IngestConfig {
    /// Content of a gzip body; what is larger answers 413. Plain bodies are bounded by the
    /// listener.
    std::size_t content_bytes_max = 16 * 1024 * 1024;
    /// Items of one request; more answer 413.
    std::size_t items_max = 50'000;
    /// Different event types within an hour; events of others are rejected one by one.
    std::size_t event_types_max = 2'000;
    /// Records that the counts may be behind the journal before requests answer 503.
    std::uint64_t lag_records_max = 5'000'000;
    clicks::IpMode ip_mode = clicks::IpMode::truncate;
    clicks::IpKey ip_key{};
};

/// `POST /v1/events` and `POST /v1/clicks`: items are read, checked one by one, recognised when
/// they come again, and journaled; then the request is answered.
///
/// P2: what was answered 202 is in the journal, and an item whose event_id was among the last keys
/// remembered is counted once, in whatever request or after whatever restart it comes again. An
/// answer of 503 took nothing, so to send the request again is always right.
/// One for a service, on one reactor: it owns the window of keys. Blocks on the link store only.
class IngestHandler final : public http_server::Handler {
public:
    /// What the handler works on; all outlive it, and `shard` belongs to its reactor's thread.
    struct Parts {
        clicks::JournalShard& shard;
        /// Records that the counts are behind the journal (ClickCounting::figures).
        std::function<std::uint64_t()> lag_records;
        links::LinkStore& links;
        RecentKeys& keys;
        const KeyHasher& hasher;
    };
    IngestHandler(const IngestConfig& config, Parts parts);

    void handle(const http_server::Request& request, http_server::Exchange& exchange) override;

    /// What handle() answers to a POST of events, or else of clicks.
    http_server::Response receive(const http_server::Request& request, bool events);

    const IngestCounters& counters() const { return counters_; }

private:
    struct ReadClick {
        IncomingClick click;
        KnownLink link;
        clicks::StoredIp ip;
    };

    /// Fills items_ from the body; the answer to give when that cannot be done.
    bool open(const http_server::Request& request, http_server::Response& refusal);
    /// Whether the body is one item, and that is not JSON.
    bool is_all_of_it(const Error& error) const;
    bool lagging(std::int64_t now_ns);
    Result<void> read_events(std::int64_t now_ms, Outcome& outcome);
    Result<void> read_clicks(std::int64_t now_ms, std::int64_t now_ns, Outcome& outcome);
    bool store_events(Outcome& outcome);
    bool store_clicks(Outcome& outcome);
    clicks::Click click_of(const ReadClick& read);

    IngestConfig config_;
    Parts parts_;
    LinkIds link_ids_;
    EventTypes event_types_;
    FlatObjectReader reader_;
    StringArena arena_;
    std::string content_;  ///< the body in hand, and padding
    std::vector<Item> items_;
    std::vector<IncomingEvent> events_;
    std::vector<ReadClick> clicks_;
    std::int64_t lag_known_until_ns_ = 0;
    bool lagging_ = false;
    IngestCounters counters_;
};

}  // namespace qck::ingest
