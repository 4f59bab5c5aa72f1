#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "services/clicks/click_store.hpp"
#include "services/stores/sqlite/sqlite_db.hpp"

namespace qck::sqlite {

/// Counts in an SQLite file of their own (clicks.db): it is derived from the journal and may be
/// deleted while no service runs, and its one writer never waits for the links' writer. One
/// connection writes, another reads.
class SqliteClickStore final : public clicks::ClickStore {
public:
    /// Makes the file or brings its tables up to date; `mode` read_only for looking at a directory
    /// that a service holds. `node` is the data directory's id: counts of another one in this file
    /// are kept apart.
    static Result<std::unique_ptr<SqliteClickStore>> open(const std::filesystem::path& file,
                                                          std::uint64_t node,
                                                          OpenMode mode = OpenMode::create);

    Result<clicks::Reading<std::vector<clicks::ProducerCursor>>> cursors() override;
    Result<void> apply(const clicks::CountBatch& batch) override;
    Result<void> raise(const std::vector<clicks::ProducerCursor>& cursors,
                       const clicks::TotalSource& totals, const clicks::HourSource& hours,
                       bool exact) override;
    Result<clicks::Reading<clicks::ClassTotals>> link_totals(std::uint64_t link_id) override;
    Result<clicks::Reading<std::vector<clicks::HourCount>>> link_hours(
        std::uint64_t link_id, std::uint32_t since_hour, std::uint32_t until_hour) override;
    Result<clicks::Reading<std::vector<clicks::EventCount>>> event_hours(
        std::string_view type, std::uint32_t since_hour, std::uint32_t until_hour) override;
    Result<std::vector<clicks::LinkClicks>> most_clicked(std::uint32_t since_hour,
                                                         std::size_t links_max) override;
    Result<clicks::Reading<std::vector<clicks::ProducerTotal>>> totals_of(
        std::span<const std::uint64_t> links) override;
    Result<clicks::Reading<std::vector<clicks::ProducerTotal>>> totals_after(
        std::optional<std::uint64_t> after, std::size_t links_max) override;
    Result<std::vector<clicks::ProducerCursor>> each_total(
        const std::function<Result<void>(const clicks::ProducerTotal&)>& visit) override;

private:
    SqliteClickStore(Db writer, Db reader, std::uint64_t node)
        : writer_(std::move(writer)), reader_(std::move(reader)), node_(node) {}

    Result<void> write_batch(const clicks::CountBatch& batch);
    Result<void> write_raise(const std::vector<clicks::ProducerCursor>& cursors,
                             const clicks::TotalSource& totals, const clicks::HourSource& hours,
                             bool exact);
    Result<void> in_transaction(const std::function<Result<void>()>& work);

    std::mutex writer_mutex_;
    Db writer_;
    std::mutex reader_mutex_;
    Db reader_;
    std::uint64_t node_;
};

}  // namespace qck::sqlite
