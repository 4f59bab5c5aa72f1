#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/agent_fields.hpp"
#include "services/clicks/click.hpp"

namespace qck::clicks {

/// A click's event id within its node: unique for ever, dense in `sequence` over all records.
struct EventId {
    std::uint16_t shard = 0;
    std::uint32_t epoch = 0;
    std::uint64_t sequence = 0;
    friend auto operator<=>(const EventId&, const EventId&) = default;
};

/// What is known of the place an address is at; empty where nothing is.
struct Place {
    std::string country;  ///< ISO 3166-1 alpha-2
    std::string region;
    std::string city;
    friend bool operator==(const Place&, const Place&) = default;
};

/// Code and owner of a link.
struct LinkFacts {
    std::string code;
    std::uint64_t user_id = 0;  ///< 0: nobody's
};

/// One click, with what is the same for many of them in the tables of its batch.
struct EventRow {
    EventId id;
    std::uint64_t link_id = 0;
    std::int64_t time_ms = 0;
    std::uint64_t clicks = 1;  ///< the weight: how many clicks the row stands for
    StoredIp ip;
    ClickClass click_class = ClickClass::human;
    std::uint32_t agent = 0;     ///< in EventBatch::agents
    std::uint32_t referrer = 0;  ///< in EventBatch::referrers
    std::uint32_t place = 0;     ///< in EventBatch::places
    std::uint32_t link = 0;      ///< in EventBatch::links
};

/// Rows that are given to a sink together. What belongs to it is decided before it is sent the
/// first time and never changes, so it can be made again from the journal.
struct EventBatch {
    struct AgentEntry {
        std::string text;
        AgentFields fields;
    };
    std::uint64_t node = 0;
    /// Names the batch for ever: the same whenever it is sent, and that of no other. A store that
    /// remembers names takes it once.
    std::string token;
    /// It is of a later reading of everything (a repair), under a name of its own: a store that
    /// remembers rows must take them although it may have had them once.
    bool again = false;
    std::vector<EventRow> rows;  ///< sorted by id
    std::vector<AgentEntry> agents;
    std::vector<std::string> referrers;
    std::vector<Place> places;
    std::vector<std::uint64_t> link_ids;  ///< of `links`
    std::vector<LinkFacts> links;
    /// present() was asked about it before: its rows are known not to be there, and may be fewer
    /// than at first.
    bool asked = false;
};

/// A store of single clicks.
class EventSink {
public:
    virtual ~EventSink() = default;

    /// For logs, metrics and the cursor's file: `clickhouse`.
    virtual std::string_view name() const = 0;
    /// Gives the store all rows, and need not wait for what it says to them: outcome() does. When
    /// either fails, any row may have been taken, or may still be: only present() tells. Blocking;
    /// called by one thread at a time, as all of these are.
    virtual Result<void> send(const EventBatch& batch) = 0;
    /// How it ended what send() gave it; called once after each send() that did not fail.
    virtual Result<void> outcome() = 0;
    /// Of the batch that is sent after the present one: what can be made of it now, while the store
    /// is busy. Only a hint: another may be sent instead, and one with fewer rows.
    virtual void prepare(const EventBatch&) {}
    /// Takes all rows: send() and outcome().
    Result<void> insert(const EventBatch& batch) {
        const auto sent = send(batch);
        return sent ? outcome() : sent;
    }
    /// Which rows of the batch the sink has, sorted. Fails while a row that was sent earlier may
    /// still arrive: its answer is final.
    virtual Result<std::vector<EventId>> present(const EventBatch& batch) = 0;
};

}  // namespace qck::clicks
