#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "services/links/link_store.hpp"
#include "services/stores/postgres/link_changes.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

struct ChangeQueueOptions {
    /// Of the ids given here; the lower 10 bits count. When two instances with the same number
    /// collide, one goes on under another.
    std::uint16_t node = 0;
    /// Changes waiting; further ones are refused.
    std::size_t changes_max = 65'536;
    /// Changes in one transaction.
    std::size_t group_max = 1'024;
    /// How long to ask for the fate of a commit that was not answered.
    std::chrono::milliseconds doubt_max{5'000};
    /// Whether somebody empties the outbox.
    Note note = Note::nothing;
};

/// The only writer of links of this instance: one thread that commits what waits together, in the
/// order of submission. While a transaction commits the next changes gather, so that many share
/// the round trips and the disk. A group with a change that the server refuses is done again change
/// by change. try_submit() is thread-safe.
class ChangeQueue {
public:
    /// `primary` outlives the queue.
    ChangeQueue(Pool& primary, ChangeQueueOptions options);
    /// close().
    ~ChangeQueue();
    ChangeQueue(const ChangeQueue&) = delete;
    ChangeQueue& operator=(const ChangeQueue&) = delete;

    /// Before the first change; outlives the queue.
    void observe(links::LinkObserver& observer) { observers_.push_back(&observer); }
    /// The change is answered once. When too many wait, or the queue is closed, at once and by the
    /// caller's thread with Errc::unavailable.
    void submit(Change change);
    /// Finishes what was submitted and ends the thread.
    void close();

private:
    void loop();
    void run_group(std::span<Change> group);
    void commit(std::span<Change> changes);
    Result<void> commit_with_retries(std::span<Change> changes);
    struct Attempt {
        Result<void> outcome;
        bool again = false;         ///< nothing was stored, and another try may do
        std::int64_t in_doubt = 0;  ///< the transaction whose commit was not answered
        bool is_about_a_change = false;
    };
    Attempt attempt(std::span<Change> changes);
    Result<void> apply(Transaction& transaction, std::span<Change> changes);
    void finish(Change& change, const Result<void>& outcome);
    void finish(Creation& creation);
    void finish(Alteration& alteration);

    Pool& primary_;
    ChangeQueueOptions options_;
    std::vector<links::LinkObserver*> observers_;
    std::optional<LinkNames> names_;  ///< made when the greatest id is known
    std::int64_t pruned_at_ns_;
    bool is_about_a_change_ = false;

    std::mutex mutex_;
    std::condition_variable work_;
    std::vector<Change> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace qck::postgres
