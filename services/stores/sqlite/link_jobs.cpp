#include "services/stores/sqlite/link_jobs.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "services/stores/sqlite/link_rows.hpp"

namespace qck::sqlite {
namespace {

/// Far longer than a cache holds a tombstone against an older version (cache::L1Cache, Redis' time
/// to live): a code used again after this begins at version 1.
constexpr std::int64_t tombstone_kept_ms = 24 * 3'600'000;
constexpr std::int64_t prune_period_ms = 3'600'000;

/// Empty when there is none.
Result<std::optional<links::Link>> find_in(Db& db, std::string_view code) {
    auto select = db.cached("SELECT " QCK_LINK_COLUMNS " FROM links WHERE code=?");
    if (!select) return select.error();
    const StatementScope statement(**select);
    statement->bind(1, code);
    const auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return std::optional<links::Link>{};
    return std::optional(link_of(*statement));
}

Result<std::uint64_t> tombstone_version(Db& db, std::string_view code) {
    auto select = db.cached("SELECT version FROM removed_links WHERE code=?");
    if (!select) return select.error();
    const StatementScope statement(**select);
    statement->bind(1, code);
    const auto row = statement->step();
    if (!row) return row.error();
    return *row ? static_cast<std::uint64_t>(statement->integer(0)) : 0;
}

Result<void> note_change(const LinkJobContext& context, Db& db, std::string_view code,
                         std::uint64_t version) {
    if (!context.notes_changes) return {};
    auto note =
        db.cached("INSERT OR REPLACE INTO link_outbox(code,version,noted_at_ms) VALUES(?,?,?)");
    if (!note) return note.error();
    (*note)->bind(1, code).bind(2, version).bind(3, wall_ms());
    return (*note)->run();
}

}  // namespace

CreateJob::CreateJob(LinkJobContext& context, std::vector<links::Link> links,
                     links::OnConflict on_conflict, links::LinkWriter::Created done)
    : context_(context),
      links_(std::move(links)),
      on_conflict_(on_conflict),
      done_(std::move(done)) {
    without_code_.reserve(links_.size());
    for (auto& link : links_) without_code_.push_back(link.code.empty());
}

Result<bool> CreateJob::insert_with_any_code(Db& db, links::Link& link) {
    // One try in millions fails; so many in a row mean that something else is wrong.
    constexpr int tries_max = 20;
    for (int tried = 0; tried < tries_max; ++tried) {
        link.code = context_.codes.next();
        auto inserted = insert(db, link);
        if (!inserted || *inserted) return inserted;
    }
    return error(Errc::internal, "no unused code found (give one)");
}

Result<bool> CreateJob::insert(Db& db, links::Link& link) {
    if (context_.may_have_removed) {
        const auto removed = tombstone_version(db, link.code);
        if (!removed) return removed.error();
        link.version = *removed + 1;
    }
    auto insert = db.cached("INSERT INTO links(" QCK_LINK_COLUMNS
                            ") VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(code) DO NOTHING");
    if (!insert) return insert.error();
    bind_link(**insert, link);
    if (auto done = (*insert)->run(); !done) return done.error();
    if (db.changes() != 1) return false;
    if (link.version > 1) {
        if (auto noted = note_change(context_, db, link.code, link.version); !noted) {
            return noted.error();
        }
    }
    return true;
}

Result<void> CreateJob::run(Db& db) {
    stored_.clear();
    stored_.reserve(links_.size());
    for (std::size_t i = 0; i < links_.size(); ++i) {
        auto& link = links_[i];
        if (link.id == 0) link.id = context_.ids.next();
        const auto inserted = without_code_[i] ? insert_with_any_code(db, link) : insert(db, link);
        if (!inserted) return inserted.error();
        stored_.push_back(*inserted);
        if (!*inserted && on_conflict_ == links::OnConflict::stop) break;
    }
    return {};
}

void CreateJob::finished(const Result<void>& outcome) {
    if (!outcome) return done_(outcome.error());
    std::vector<Result<links::Link>> results;
    results.reserve(stored_.size());
    for (std::size_t i = 0; i < stored_.size(); ++i) {
        if (stored_[i]) {
            for (auto* observer : context_.observers) observer->link_created(links_[i]);
            results.emplace_back(std::move(links_[i]));
        } else {
            results.emplace_back(
                error(Errc::conflict, "code \"" + links_[i].code + "\" is taken (choose another)"));
        }
    }
    done_(std::move(results));
}

UpdateJob::UpdateJob(LinkJobContext& context, std::string code, links::LinkPatch patch,
                     links::LinkWriter::Changed done)
    : context_(context),
      code_(std::move(code)),
      patch_(std::move(patch)),
      result_(links::Link{}),
      done_(std::move(done)) {}

Result<void> UpdateJob::run(Db& db) {
    auto found = find_in(db, code_);
    if (!found) return found.error();
    if (!*found) {
        result_ = links::no_such_link(code_);
        return {};
    }
    links::Link link = std::move(**found);
    if (patch_.if_version && *patch_.if_version != link.version) {
        result_ =
            error(Errc::conflict,
                  "link \"" + code_ + "\" has version " + std::to_string(link.version) + ", not " +
                      std::to_string(*patch_.if_version) + " (read it again, then edit)");
        return {};
    }
    if (patch_.target) link.target = *patch_.target;
    if (patch_.status) link.status = *patch_.status;
    if (patch_.max_age_s) link.max_age_s = *patch_.max_age_s;
    if (patch_.expires_at_ms) link.expires_at_ms = *patch_.expires_at_ms;
    ++link.version;
    link.updated_at_ms = std::max(wall_ms(), link.updated_at_ms);

    auto update = db.cached(
        "UPDATE links SET target=?,status=?,max_age_s=?,expires_at_ms=?,version=?,updated_at_ms=?"
        " WHERE id=?");
    if (!update) return update.error();
    auto& statement = **update;
    statement.bind(1, std::string_view(link.target))
        .bind(2, static_cast<std::int64_t>(link.status))
        .bind(3, link.max_age_s)
        .bind(4, link.expires_at_ms)
        .bind(5, link.version)
        .bind(6, link.updated_at_ms)
        .bind(7, link.id);
    if (auto done = statement.run(); !done) return done;
    if (auto noted = note_change(context_, db, code_, link.version); !noted) return noted;
    result_ = std::move(link);
    return {};
}

void UpdateJob::finished(const Result<void>& outcome) {
    if (!outcome) return done_(outcome.error());
    if (result_) {
        for (auto* observer : context_.observers) observer->link_changed(*result_);
    }
    done_(std::move(result_));
}

RemoveJob::RemoveJob(LinkJobContext& context, std::string code, links::LinkWriter::Changed done)
    : context_(context), code_(std::move(code)), result_(links::Link{}), done_(std::move(done)) {}

Result<void> RemoveJob::run(Db& db) {
    auto found = find_in(db, code_);
    if (!found) return found.error();
    if (!*found) {
        result_ = links::no_such_link(code_);
        return {};
    }
    links::Link link = std::move(**found);
    ++link.version;
    link.updated_at_ms = wall_ms();

    auto remove = db.cached("DELETE FROM links WHERE id=?");
    if (!remove) return remove.error();
    (*remove)->bind(1, link.id);
    if (auto done = (*remove)->run(); !done) return done;
    auto bury = db.cached(
        "INSERT OR REPLACE INTO removed_links(code,id,version,removed_at_ms) VALUES(?,?,?,?)");
    if (!bury) return bury.error();
    (*bury)->bind(1, std::string_view(link.code)).bind(2, link.id);
    (*bury)->bind(3, link.version).bind(4, link.updated_at_ms);
    if (auto done = (*bury)->run(); !done) return done;
    context_.may_have_removed = true;
    if (auto noted = note_change(context_, db, code_, link.version); !noted) return noted;
    if (auto done = prune(db, link.updated_at_ms); !done) return done;
    result_ = std::move(link);
    return {};
}

Result<void> RemoveJob::prune(Db& db, std::int64_t now_ms) {
    if (now_ms - context_.pruned_at_ms < prune_period_ms) return {};
    context_.pruned_at_ms = now_ms;
    auto prune = db.cached("DELETE FROM removed_links WHERE removed_at_ms<?");
    if (!prune) return prune.error();
    (*prune)->bind(1, now_ms - tombstone_kept_ms);
    return (*prune)->run();
}

void RemoveJob::finished(const Result<void>& outcome) {
    if (!outcome) return done_(outcome.error());
    if (result_) {
        for (auto* observer : context_.observers) {
            observer->link_removed(code_, result_->version);
        }
    }
    done_(std::move(result_));
}

}  // namespace qck::sqlite
