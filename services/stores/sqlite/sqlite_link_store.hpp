#pragma once

#include <filesystem>
#include <memory>

#include "services/links/queued_link_store.hpp"
#include "services/stores/sqlite/write_queue.hpp"

namespace qck::sqlite {

struct LinkJobContext;

/// Links in the SQLite file of a data directory.
///
/// Changes go through the file's WriteQueue, so many share a commit, and are durable against kill
/// -9 when they are answered (WAL; a power cut may lose the last ones unless the queue syncs every
/// commit). Reads use a small pool of connections and never wait for a change. Thread-safe. The
/// queue outlives the store, and the store is destroyed only when no change of it waits.
class SqliteLinkStore : public links::QueuedLinkStore {
public:
    struct Options {
        /// Of the ids given here; the lower 10 bits count.
        std::uint16_t node = 0;
        /// Connections for reading; a further reader waits for one.
        std::size_t readers_max = 4;
        std::size_t reader_cache_bytes = 1024 * 1024;
        /// Of codes that existed, for SqliteLinkOutbox, which somebody has to empty.
        bool notes_changes = false;
    };

    /// `queue` writes `file`.
    static Result<std::unique_ptr<SqliteLinkStore>> open(WriteQueue& queue,
                                                         const std::filesystem::path& file,
                                                         const Options& options);
    ~SqliteLinkStore() override;

    /// Told of each change right after its commit, on the writer's thread. Set before the first
    /// change; outlives the store.
    void observe(links::LinkObserver& observer);

    Result<std::optional<links::Link>> find(std::string_view code) override;
    Result<std::vector<links::Link>> find_by_ids(std::span<const std::uint64_t> ids) override;
    Result<std::vector<links::Link>> list(std::string_view after, std::size_t limit) override;
    Result<std::uint64_t> count() override;

    void create_later(std::vector<links::Link> links, links::OnConflict on_conflict,
                      Created done) override;
    void update_later(std::string code, links::LinkPatch patch, Changed done) override;
    void remove_later(std::string code, Changed done) override;

private:
    class Readers;
    SqliteLinkStore(WriteQueue& queue, std::unique_ptr<Readers> readers,
                    std::unique_ptr<LinkJobContext> context);

    WriteQueue& queue_;
    std::unique_ptr<Readers> readers_;
    std::unique_ptr<LinkJobContext> context_;
};

}  // namespace qck::sqlite
