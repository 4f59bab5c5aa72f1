#include "services/stores/sqlite/sqlite_link_store.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "services/stores/sqlite/link_jobs.hpp"
#include "services/stores/sqlite/link_rows.hpp"

namespace qck::sqlite {

using links::Link;

/// Connections for reading, opened when first needed. Thread-safe.
class SqliteLinkStore::Readers {
public:
    Readers(std::filesystem::path file, const Options& options)
        : file_(std::move(file)), options_(options) {}

    /// Gives `use` a connection of its own.
    template <class Use>
    auto with(Use use) -> decltype(use(std::declval<Db&>())) {
        auto db = take();
        if (!db) return db.error();
        auto result = use(*db);
        give_back(std::move(*db));
        return result;
    }

private:
    Result<Db> take() {
        {
            std::unique_lock lock(mutex_);
            free_.wait(lock, [this] { return !idle_.empty() || open_ < options_.readers_max; });
            if (!idle_.empty()) {
                Db db = std::move(idle_.back());
                idle_.pop_back();
                return db;
            }
            ++open_;
        }
        // Read-write mode, though nothing is written: a read-only connection cannot share the WAL's
        // index when it is the first to come.
        DbOptions options;
        options.mode = OpenMode::read_write;
        options.page_cache_bytes = options_.reader_cache_bytes;
        auto db = Db::open(file_, options);
        if (!db) {
            const std::lock_guard lock(mutex_);
            --open_;
            free_.notify_one();
        }
        return db;
    }

    void give_back(Db db) {
        {
            const std::lock_guard lock(mutex_);
            idle_.push_back(std::move(db));
        }
        free_.notify_one();
    }

    std::filesystem::path file_;
    Options options_;
    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<Db> idle_;
    std::size_t open_ = 0;
};

namespace {

Result<std::optional<Link>> first_row(Statement& statement) {
    const auto row = statement.step();
    if (!row) return row.error();
    if (!*row) return std::optional<Link>{};
    return std::optional(link_of(statement));
}

Result<std::uint64_t> single_number(Db& db, const char* sql) {
    auto statement = db.prepare(sql);
    if (!statement) return statement.error();
    const auto row = statement->step();
    if (!row) return row.error();
    return static_cast<std::uint64_t>(statement->integer(0));
}

Error too_many_waiting() {
    return error(Errc::unavailable,
                 "too many changes of links are waiting (try again in a second)");
}

}  // namespace

SqliteLinkStore::SqliteLinkStore(WriteQueue& queue, std::unique_ptr<Readers> readers,
                                 std::unique_ptr<LinkJobContext> context)
    : queue_(queue), readers_(std::move(readers)), context_(std::move(context)) {}

SqliteLinkStore::~SqliteLinkStore() = default;

Result<std::unique_ptr<SqliteLinkStore>> SqliteLinkStore::open(WriteQueue& queue,
                                                               const std::filesystem::path& file,
                                                               const Options& options) {
    auto readers = std::make_unique<Readers>(file, options);
    const auto greatest = readers->with([](Db& db) -> Result<std::uint64_t> {
        return single_number(db,
                             "SELECT max(coalesce((SELECT max(id) FROM links),0),"
                             "coalesce((SELECT max(id) FROM removed_links),0))");
    });
    if (!greatest) return greatest.error();
    const auto removed = readers->with([](Db& db) -> Result<std::uint64_t> {
        return single_number(db, "SELECT EXISTS(SELECT 1 FROM removed_links)");
    });
    if (!removed) return removed.error();
    auto context = std::make_unique<LinkJobContext>(options.node, *greatest);
    context->may_have_removed = *removed != 0;
    context->notes_changes = options.notes_changes;
    return std::unique_ptr<SqliteLinkStore>(
        new SqliteLinkStore(queue, std::move(readers), std::move(context)));
}

void SqliteLinkStore::observe(links::LinkObserver& observer) {
    context_->observers.push_back(&observer);
}

Result<std::optional<Link>> SqliteLinkStore::find(std::string_view code) {
    return readers_->with([code](Db& db) -> Result<std::optional<Link>> {
        auto select = db.cached("SELECT " QCK_LINK_COLUMNS " FROM links WHERE code=?");
        if (!select) return select.error();
        const StatementScope statement(**select);
        statement->bind(1, code);
        return first_row(*statement);
    });
}

Result<std::vector<Link>> SqliteLinkStore::find_by_ids(std::span<const std::uint64_t> ids) {
    return readers_->with([ids](Db& db) -> Result<std::vector<Link>> {
        auto select = db.cached("SELECT " QCK_LINK_COLUMNS " FROM links WHERE id=?");
        if (!select) return select.error();
        std::vector<Link> links;
        for (const std::uint64_t id : ids) {
            const StatementScope statement(**select);
            statement->bind(1, id);
            auto found = first_row(*statement);
            if (!found) return found.error();
            if (*found) links.push_back(std::move(**found));
        }
        return links;
    });
}

Result<std::vector<Link>> SqliteLinkStore::list(std::string_view after, std::size_t limit) {
    return readers_->with([=](Db& db) -> Result<std::vector<Link>> {
        auto select =
            db.cached("SELECT " QCK_LINK_COLUMNS " FROM links WHERE code>? ORDER BY code LIMIT ?");
        if (!select) return select.error();
        const StatementScope statement(**select);
        statement->bind(1, after).bind(2, static_cast<std::uint64_t>(limit));
        std::vector<Link> links;
        const auto read =
            statement->each_row([&links](Statement& row) { links.push_back(link_of(row)); });
        if (!read) return read.error();
        return links;
    });
}

Result<std::uint64_t> SqliteLinkStore::count() {
    return readers_->with([](Db& db) -> Result<std::uint64_t> {
        return single_number(db, "SELECT count(*) FROM links");
    });
}

void SqliteLinkStore::create_later(std::vector<Link> links, links::OnConflict on_conflict,
                                   Created done) {
    std::unique_ptr<WriteJob> job =
        std::make_unique<CreateJob>(*context_, std::move(links), on_conflict, std::move(done));
    if (!queue_.try_submit(job)) job->finished(too_many_waiting());
}

void SqliteLinkStore::update_later(std::string code, links::LinkPatch patch, Changed done) {
    std::unique_ptr<WriteJob> job =
        std::make_unique<UpdateJob>(*context_, std::move(code), std::move(patch), std::move(done));
    if (!queue_.try_submit(job)) job->finished(too_many_waiting());
}

void SqliteLinkStore::remove_later(std::string code, Changed done) {
    std::unique_ptr<WriteJob> job =
        std::make_unique<RemoveJob>(*context_, std::move(code), std::move(done));
    if (!queue_.try_submit(job)) job->finished(too_many_waiting());
}

}  // namespace qck::sqlite
