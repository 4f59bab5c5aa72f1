#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "services/links/link_outbox.hpp"
#include "services/links/link_store.hpp"
#include "services/links/link_writer.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/postgres_link_store.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"
#include "services/stores/sqlite/write_queue.hpp"

namespace qck::commands {

struct LinkStoresConfig {
    /// Of SQLite, when there is no PostgreSQL.
    std::filesystem::path database;
    /// Of the thread that writes it; -1: any.
    int writer_cpu = -1;
    bool power_safe = false;
    std::string postgres;          ///< postgresql://…; empty: SQLite
    std::string postgres_replica;  ///< empty: the primary
    std::uint16_t node = 0;        ///< of generated ids
    /// Changes are noted in an outbox, because somebody tells a shared cache of them.
    bool shared_cache = false;
};

/// Where links are kept: SQLite beside the journal, or a PostgreSQL that instances share.
class LinkStores {
public:
    static Result<std::unique_ptr<LinkStores>> open(const LinkStoresConfig& config);

    links::LinkStore& store();
    links::LinkWriter& writer();
    /// Set before the first change; outlives this.
    void observe(links::LinkObserver& observer);
    /// Finishes the changes that were asked for, and refuses later ones.
    void close();

    /// Null without a shared cache.
    links::LinkOutbox* outbox() { return outbox_.get(); }

    /// Null without PostgreSQL.
    postgres::Pool* primary() { return primary_.get(); }
    postgres::Pool* replica() { return replica_ ? replica_.get() : primary_.get(); }

private:
    LinkStores() = default;
    Result<void> open_sqlite(const LinkStoresConfig& config);
    Result<void> open_postgres(const LinkStoresConfig& config);

    std::unique_ptr<sqlite::WriteQueue> write_queue_;
    std::unique_ptr<sqlite::SqliteLinkStore> sqlite_;
    std::unique_ptr<postgres::Pool> primary_;
    std::unique_ptr<postgres::Pool> replica_;
    std::unique_ptr<postgres::PostgresLinkStore> postgres_;
    std::unique_ptr<links::LinkOutbox> outbox_;
};

}  // namespace qck::commands
