#pragma once

#include <functional>
#include <string>
#include <vector>

#include "services/links/code_generator.hpp"
#include "services/links/link_store.hpp"
#include "services/links/link_writer.hpp"
#include "services/stores/sqlite/write_queue.hpp"

namespace qck::sqlite {

/// What the jobs of one store share; used on the writer's thread alone once jobs run.
struct LinkJobContext {
    LinkJobContext(std::uint16_t node, std::uint64_t greatest_id) : ids(node, greatest_id) {}

    links::SnowflakeIds ids;
    links::RandomCodes codes;
    std::vector<links::LinkObserver*> observers;
    /// False while no code was ever removed: creations then need not look for tombstones.
    bool may_have_removed = true;
    std::int64_t pruned_at_ms = 0;  ///< when old tombstones were last deleted
    bool notes_changes = false;     ///< of codes that existed, for SqliteLinkOutbox
};

/// Stores links, each with its own outcome. Contract: LinkWriter::create_later.
class CreateJob : public WriteJob {
public:
    CreateJob(LinkJobContext& context, std::vector<links::Link> links,
              links::OnConflict on_conflict, links::LinkWriter::Created done);
    Result<void> run(Db& db) override;
    std::size_t rows() const override { return links_.size(); }
    void finished(const Result<void>& outcome) override;

private:
    Result<bool> insert(Db& db, links::Link& link);
    Result<bool> insert_with_any_code(Db& db, links::Link& link);

    LinkJobContext& context_;
    std::vector<links::Link> links_;
    std::vector<bool> stored_;
    std::vector<bool> without_code_;  ///< which were to be given a code
    links::OnConflict on_conflict_;
    links::LinkWriter::Created done_;
};

/// Changes one link. Contract: LinkStore::update.
class UpdateJob : public WriteJob {
public:
    UpdateJob(LinkJobContext& context, std::string code, links::LinkPatch patch,
              links::LinkWriter::Changed done);
    Result<void> run(Db& db) override;
    void finished(const Result<void>& outcome) override;

private:
    LinkJobContext& context_;
    std::string code_;
    links::LinkPatch patch_;
    Result<links::Link> result_;
    links::LinkWriter::Changed done_;
};

/// Removes one link and leaves its tombstone. Contract: LinkStore::remove.
class RemoveJob : public WriteJob {
public:
    RemoveJob(LinkJobContext& context, std::string code, links::LinkWriter::Changed done);
    Result<void> run(Db& db) override;
    void finished(const Result<void>& outcome) override;

private:
    Result<void> prune(Db& db, std::int64_t now_ms);

    LinkJobContext& context_;
    std::string code_;
    Result<links::Link> result_;
    links::LinkWriter::Changed done_;
};

}  // namespace qck::sqlite
