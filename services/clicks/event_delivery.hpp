#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/event_sink.hpp"
#include "services/clicks/journal.hpp"
#include "services/clicks/journal_event_source.hpp"

namespace qck::clicks {

/// Codes and owners of links, in the order of the ids; an unknown link has an empty code. Called by
/// the delivery's thread; it may take its time.
using LinkResolver = std::function<std::vector<LinkFacts>(std::span<const std::uint64_t> link_ids)>;

struct EventDeliveryConfig {
    /// A batch is sent when it has so many rows, or its first is so old. Together with poll_every
    /// and the sink's time that is how long a click takes to be seen.
    std::size_t rows_max = 250'000;
    std::chrono::milliseconds age_max{400};
    std::chrono::milliseconds poll_every{50};
    /// Links that are in a burst: their rows stay in the journal until they are no longer named
    /// here. At most 1,024. May be empty.
    std::function<std::vector<std::uint64_t>()> deferred_links;
    LinkResolver resolve;  ///< may be empty
    PlaceLookup place;     ///< may be empty
};

struct EventDeliveryFigures {
    std::uint64_t rows = 0;  ///< acknowledged since the start
    std::uint64_t batches = 0;
    std::uint64_t failures = 0;
    std::uint64_t asks = 0;              ///< for what the sink has, before sending again
    std::uint64_t rows_found_there = 0;  ///< by asking
    std::uint64_t deferred_stretches = 0;
    /// About how many clicks of the journal the sink has not acknowledged (owed_records.hpp), those
    /// that are deferred among them. 0 when, and only when, it has everything.
    std::uint64_t clicks_pending = 0;
    double lag_seconds = 0;  ///< since everything was acknowledged
    bool resending = false;
    std::string failing;  ///< why the last try failed; empty: it did not
    /// When it tries next, monotonic, while it fails; else 0.
    std::int64_t next_try_ns = 0;
};

/// The thread that brings clicks to a sink, each exactly once, from where its cursor file
/// (`DATA_DIR/delivery/NAME.cursor`) says. A sink that is down costs disk and lag, nothing else: it
/// is tried again with back-off. Thread-safe.
class EventDelivery {
public:
    /// `journal` and `sink` outlive it. Without a cursor file it begins with the oldest segment
    /// there is. Errc::corrupt or Errc::conflict when the file is not this data directory's.
    static Result<std::unique_ptr<EventDelivery>> start(Journal& journal, EventSink& sink,
                                                        EventDeliveryConfig config);
    /// stop().
    ~EventDelivery();
    EventDelivery(const EventDelivery&) = delete;
    EventDelivery& operator=(const EventDelivery&) = delete;

    /// Delivers what was appended, for as long as `deadline`, and ends the thread; an insert that
    /// is under way is waited for. What is left is delivered after the next start.
    void stop(std::chrono::milliseconds deadline = std::chrono::seconds(5));
    /// Returns once everything appended before the call is acknowledged; false after `deadline`.
    /// Rows of deferred links do not count.
    bool flush(std::chrono::milliseconds deadline);
    /// Whether everything that was appended before `until` is acknowledged, however much comes
    /// after it, and nothing is being resent; but for rows of deferred links. When not, what there
    /// is is sent soon.
    bool delivered_until(const std::vector<ProducerCursor>& until);

    /// Segments from here on must be kept. Of every shard that was ever delivered from; one that is
    /// not named is needed from its beginning.
    std::vector<ProducerCursor> cursors() const;

    /// Links of which rows wait in the journal: they are in a burst, or were until now. Ascending.
    std::vector<std::uint64_t> held_back() const;

    /// Asks the sink for all that the journal still has and sends what is missing: after a table
    /// was dropped or rows were lost. Survives a restart; figures() tell when it is done.
    void resend_all();

    EventDeliveryFigures figures() const;

private:
    class Loop;
    explicit EventDelivery(std::unique_ptr<Loop> loop);
    std::unique_ptr<Loop> loop_;
};

/// `resolve` with a memory of at most `links_max` links; answers that are empty are not remembered.
LinkResolver remembering(LinkResolver resolve, std::size_t links_max);

}  // namespace qck::clicks
