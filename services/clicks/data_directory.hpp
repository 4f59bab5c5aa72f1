#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/stored_ip.hpp"

namespace qck::clicks {

/// Who this data directory is, for ever, and how often it was started.
struct NodeIdentity {
    std::uint64_t node = 0;   ///< random, never 0
    std::uint32_t epoch = 0;  ///< raised and fsynced at every start
    IpKey ip_key{};
};

/// The directory that a service keeps its state in, held exclusively by one process.
///
///     node.json   identity and epoch      lock         flock and pid of the holder
///     journal/    segments by shard       checkpoint   totals at a cursor
///     links.db    links (SQLite)          clicks.db    counts (SQLite, derived from the journal)
///
/// The lock goes with the process, so kill -9 leaves none behind.
class DataDirectory {
public:
    /// Makes what is missing, takes the lock and raises the epoch above every one that the
    /// journal's files and the checkpoint name. A node.json that is gone is made anew: the node of
    /// segments and checkpoint, and a new ip_key, which is logged. `holder` is what the next one is
    /// told, e.g. "qck serve". Errc::unavailable when held: "DIR is in use by process 4123 (another
    /// qck serve); give this one its own --data-dir"; Errc::io when it cannot be made or written.
    static Result<std::unique_ptr<DataDirectory>> open(const std::filesystem::path& path,
                                                       const std::string& holder);
    /// Takes the lock of a directory that exists, leaving the epoch as it is: for offline tools.
    static Result<std::unique_ptr<DataDirectory>> open_offline(const std::filesystem::path& path,
                                                               const std::string& holder);
    /// Identity of a directory that somebody else may hold. Errc::not_found when it is none.
    static Result<NodeIdentity> peek(const std::filesystem::path& path);

    ~DataDirectory();
    DataDirectory(const DataDirectory&) = delete;
    DataDirectory& operator=(const DataDirectory&) = delete;

    /// Raises the epoch above those of `cursors`, which a store took from this directory's journal:
    /// what was counted is never numbered again, whatever files were lost. Before Journal::open.
    Result<void> pass_epochs(const std::vector<ProducerCursor>& cursors);
    /// The same with the store's own; one that does not answer is left to ClickCounting.
    Result<void> pass_epochs_of(ClickStore& store);

    const std::filesystem::path& path() const { return path_; }
    const NodeIdentity& identity() const { return identity_; }
    std::filesystem::path journal() const { return path_ / "journal"; }
    std::filesystem::path checkpoint() const { return path_ / "checkpoint"; }
    std::filesystem::path links_database() const { return path_ / "links.db"; }
    std::filesystem::path clicks_database() const { return path_ / "clicks.db"; }

private:
    DataDirectory(std::filesystem::path path, int lock_fd, NodeIdentity identity)
        : path_(std::move(path)), lock_fd_(lock_fd), identity_(identity) {}

    std::filesystem::path path_;
    int lock_fd_ = -1;
    NodeIdentity identity_;
};

}  // namespace qck::clicks
