#pragma once

#include "services/links/queued_link_store.hpp"
#include "services/stores/postgres/change_queue.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

/// Links in a PostgreSQL that instances share.
///
/// Changes go through a ChangeQueue, so many share a commit; they are durable as the server's
/// synchronous_commit says. Lookups ask the primary, which alone knows the newest version; lists
/// and the count may be behind by the replica's lag, and ask the primary while the replica is out
/// of reach. Needs no server to be made. Thread-safe.
///
/// Differs from LinkStore's contract in one case: when the server is lost between a commit and its
/// answer, and cannot be asked in time, the change fails with Errc::timed_out and may be stored.
class PostgresLinkStore final : public links::QueuedLinkStore {
public:
    /// The pools, which may be one and the same, outlive the store.
    PostgresLinkStore(Pool& primary, Pool& replica, const ChangeQueueOptions& options)
        : primary_(primary), replica_(replica), changes_(primary, options) {}

    /// Told of each change of this instance right after its commit, on the queue's thread. Set
    /// before the first change; outlives the store.
    void observe(links::LinkObserver& observer) { changes_.observe(observer); }
    /// Finishes what was asked for; later changes are refused.
    void close() { changes_.close(); }

    Result<std::optional<links::Link>> find(std::string_view code) override;
    Result<std::vector<links::Link>> find_by_ids(std::span<const std::uint64_t> ids) override;
    Result<std::vector<links::Link>> list(std::string_view after, std::size_t limit) override;
    Result<std::uint64_t> count() override;

    void create_later(std::vector<links::Link> links, links::OnConflict on_conflict,
                      Created done) override;
    void update_later(std::string code, links::LinkPatch patch, Changed done) override;
    void remove_later(std::string code, Changed done) override;

private:
    Pool& primary_;
    Pool& replica_;
    ChangeQueue changes_;
};

}  // namespace qck::postgres
