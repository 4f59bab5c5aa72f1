#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "services/links/link_outbox.hpp"
#include "services/stores/sqlite/write_queue.hpp"

namespace qck::sqlite {

/// The table `link_outbox` beside the links.
class SqliteLinkOutbox final : public links::LinkOutbox {
public:
    /// `queue` writes `file`, and outlives it.
    static Result<std::unique_ptr<SqliteLinkOutbox>> open(WriteQueue& queue,
                                                          const std::filesystem::path& file);

    Result<std::vector<links::NotedChange>> noted(std::chrono::milliseconds age,
                                                  std::size_t limit) override;
    Result<void> forget(std::span<const links::VersionOfCode> told) override;

private:
    SqliteLinkOutbox(WriteQueue& queue, Db db) : queue_(queue), db_(std::move(db)) {}

    WriteQueue& queue_;
    std::mutex mutex_;
    Db db_;  ///< for reading; guarded by mutex_
};

}  // namespace qck::sqlite
