#include "cli/commands/link_stores.hpp"

#include <functional>
#include <utility>

#include "services/stores/postgres/postgres_link_outbox.hpp"
#include "services/stores/postgres/schema.hpp"
#include "services/stores/sqlite/sqlite_link_outbox.hpp"

namespace qck::commands {
namespace {

/// Connections for lookups and changes to one server.
constexpr std::size_t connections = 8;

/// One that was away at the start is looked at when it comes: without the schema it is as good as
/// away, and says what to do.
Result<void> has_schema(postgres::Connection& connection) {
    const auto checked = postgres::check_schema(connection);
    if (checked) return {};
    return error(Errc::unavailable, checked.error().message);
}

std::unique_ptr<postgres::Pool> make_pool(
    const std::string& url, std::function<Result<void>(postgres::Connection&)> check) {
    postgres::PoolOptions options;
    options.url = url;
    options.connections_max = connections;
    options.check = std::move(check);
    return std::make_unique<postgres::Pool>(std::move(options));
}

}  // namespace

Result<std::unique_ptr<LinkStores>> LinkStores::open(const LinkStoresConfig& config) {
    std::unique_ptr<LinkStores> stores(new LinkStores);
    if (!config.postgres.empty()) {
        if (auto opened = stores->open_postgres(config); !opened) return opened.error();
        return stores;
    }
    if (auto opened = stores->open_sqlite(config); !opened) return opened.error();
    return stores;
}

Result<void> LinkStores::open_sqlite(const LinkStoresConfig& config) {
    sqlite::WriteQueue::Options queue_options;
    queue_options.db.sync_every_commit = config.power_safe;
    queue_options.cpu = config.writer_cpu;
    auto queue = sqlite::WriteQueue::open(config.database, queue_options);
    if (!queue) return queue.error();
    write_queue_ = std::move(*queue);
    sqlite::SqliteLinkStore::Options options;
    options.node = config.node;
    options.notes_changes = config.shared_cache;
    auto store = sqlite::SqliteLinkStore::open(*write_queue_, config.database, options);
    if (!store) return store.error();
    sqlite_ = std::move(*store);
    if (!config.shared_cache) return {};
    auto outbox = sqlite::SqliteLinkOutbox::open(*write_queue_, config.database);
    if (!outbox) return outbox.error();
    outbox_ = std::move(*outbox);
    return {};
}

/// Needs no server: a service starts, and serves what it has, while PostgreSQL is away. One that is
/// there has to have the schema.
Result<void> LinkStores::open_postgres(const LinkStoresConfig& config) {
    const auto checked =
        make_pool(config.postgres, nullptr)->with([](postgres::Connection& connection) {
            return postgres::check_schema(connection);
        });
    if (!checked && (checked.error().code == Errc::conflict ||
                     checked.error().code == Errc::invalid_argument)) {
        return checked.error();
    }
    primary_ = make_pool(config.postgres, has_schema);
    if (!config.postgres_replica.empty()) {
        replica_ = make_pool(config.postgres_replica, has_schema);
    }
    postgres::ChangeQueueOptions options;
    options.node = config.node;
    if (config.shared_cache) {
        options.note = postgres::Note::changes;
        outbox_ = std::make_unique<postgres::PostgresLinkOutbox>(*primary_);
    }
    postgres_ = std::make_unique<postgres::PostgresLinkStore>(*primary_, *replica(), options);
    return {};
}

links::LinkStore& LinkStores::store() {
    if (postgres_) return *postgres_;
    return *sqlite_;
}

links::LinkWriter& LinkStores::writer() {
    if (postgres_) return *postgres_;
    return *sqlite_;
}

void LinkStores::observe(links::LinkObserver& observer) {
    if (postgres_) return postgres_->observe(observer);
    sqlite_->observe(observer);
}

void LinkStores::close() {
    if (postgres_) return postgres_->close();
    write_queue_->close();
}

}  // namespace qck::commands
