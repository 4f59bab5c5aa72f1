#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "cli/client/wait_notice.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/store_flags.hpp"
#include "services/stores/clickhouse/schema.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/schema.hpp"
#include "services/stores/postgres/shown_url.hpp"

namespace qck::commands {
namespace {

constexpr const char* init_command = "qck init";
constexpr unsigned retention_days_max = 36'500;

struct InitOptions {
    std::string postgres;
    std::optional<clickhouse::ClickhouseUrl> clickhouse;
    StoreAuthorities authorities;
    clickhouse::SchemaOptions clickhouse_schema;
    bool json = false;
};

/// What was done to one store, for people and as JSON.
struct Initialised {
    std::string sentence;
    nlohmann::json json;
};

Initialised describe(const std::string& url, const postgres::SchemaChange& change) {
    const auto version = "version " + std::to_string(change.to);
    std::string what = "made the schema, " + version;
    if (change.from == change.to) {
        what = "the schema is there, " + version;
    } else if (change.from != 0) {
        what = "brought the schema from version " + std::to_string(change.from) + " to " + version;
    }
    for (const std::string& table : change.made_again) {
        what += ", made " + table + " again, which was gone";
        if (table == "link_click_totals") {
            what += " (for its counts run qck reconcile --repair --allow-lower at every instance)";
        }
    }
    return {"postgres " + url + ": " + what,
            {{"store", "postgres"},
             {"url", url},
             {"schema_before", change.from},
             {"schema", change.to},
             {"made_again", change.made_again},
             {"changed", change.from != change.to || !change.made_again.empty()}}};
}

Result<Initialised> init_postgres(const std::string& url) {
    postgres::PoolOptions options;
    options.url = url;
    postgres::Pool pool(options);
    const client::WaitNotice notice(init_command, postgres::shown_url(url));
    const auto change =
        pool.with([](postgres::Connection& connection) { return postgres::migrate(connection); });
    if (!change) return change.error();
    return describe(postgres::shown_url(url), *change);
}

Result<Initialised> init_clickhouse(const InitOptions& options) {
    clickhouse::ClientConfig config;
    config.url = *options.clickhouse;
    clickhouse::Client client(std::move(config));
    const client::WaitNotice notice(init_command, options.clickhouse->text());
    const auto made = clickhouse::make_schema(client, options.clickhouse_schema);
    if (!made) return made.error();
    const auto dropped =
        clickhouse::drop_expired(client, options.clickhouse_schema.retention_days, wall_ms());
    if (!dropped) return dropped.error();
    const std::string url = options.clickhouse->text();
    const std::string& cluster = options.clickhouse_schema.cluster;
    return Initialised{
        "clickhouse " + url + ": " +
            (*made == 0 ? "the schema is there"
                        : "made the schema, " + std::to_string(*made) + " tables and views") +
            (cluster.empty() ? "" : ", over the cluster " + cluster) +
            (*dropped == 0
                 ? ""
                 : ", dropped " + std::to_string(*dropped) + " months of rows past the retention"),
        {{"store", "clickhouse"},
         {"url", url},
         {"cluster", cluster},
         {"nodes", client.nodes()},
         {"tables_made", *made},
         {"changed", *made > 0 || *dropped > 0},
         {"months_dropped", *dropped}}};
}

/// The stores that were named, in the order in which they are made ready. A further store is a line
/// here and a flag below.
std::vector<std::function<Result<Initialised>()>> steps_of(const InitOptions& options) {
    std::vector<std::function<Result<Initialised>()>> steps;
    if (!options.postgres.empty()) {
        steps.emplace_back([&options] { return init_postgres(options.postgres); });
    }
    if (options.clickhouse) steps.emplace_back([&options] { return init_clickhouse(options); });
    return steps;
}

Exit init(const InitOptions& options) {
    const auto steps = steps_of(options);
    if (steps.empty()) {
        std::fprintf(
            stderr,
            "%s: which store? Give --postgres URL or --clickhouse URL, or set QCK_POSTGRES or "
            "QCK_CLICKHOUSE\n",
            init_command);
        return Exit::usage;
    }
    nlohmann::json stores = nlohmann::json::array();
    for (const auto& step : steps) {
        const auto done = step();
        if (!done) return failed(init_command, done.error());
        if (options.json) {
            stores.push_back(done->json);
        } else {
            std::printf("%s\n", done->sentence.c_str());
        }
    }
    if (options.json) std::printf("%s\n", nlohmann::json{{"stores", stores}}.dump(2).c_str());
    return Exit::good;
}

}  // namespace

void add_init(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<InitOptions>();
    CLI::App* const command =
        app.add_subcommand("init", "Creates or migrates the schemas of stores");
    add_parsed(
        *command, "--postgres", options->postgres,
        [](std::string_view text) -> Result<std::string> {
            const bool url = text.starts_with("postgresql://") || text.starts_with("postgres://");
            if (url || text.find('=') != std::string_view::npos) return std::string(text);
            return error(Errc::invalid_argument, "'" + std::string(text) +
                                                     "' is not the address of a PostgreSQL (try "
                                                     "postgresql://USER@HOST:5432/DATABASE)");
        },
        "PostgreSQL: postgresql://USER@HOST:PORT/DATABASE, or what libpq takes (NAME=VALUE …)",
        "URL");
    add_parsed(
        *command, "--clickhouse", options->clickhouse,
        [](std::string_view text) -> Result<std::optional<clickhouse::ClickhouseUrl>> {
            auto url = clickhouse::parse_clickhouse_url(text);
            if (!url) return url.error();
            return std::optional(std::move(*url));
        },
        "ClickHouse: http://USER@HOST:8123, every node of a cluster with commas", "URL[,URL...]");
    add_clickhouse_authority(*command, options->authorities);
    command
        ->add_option("--clickhouse-cluster", options->clickhouse_schema.cluster,
                     "Distributed tables over this cluster of the servers' configuration (several "
                     "nodes need it)")
        ->type_name("NAME");
    command->add_flag("--clickhouse-replicated", options->clickhouse_schema.replicated,
                      "Replicated tables (the servers need ZooKeeper or Keeper)");
    command
        ->add_option("--clickhouse-retention-days", options->clickhouse_schema.retention_days,
                     "Whole months of rows older than this go; also of tables that are there")
        ->check(CLI::Range(1U, retention_days_max))
        ->capture_default_str();
    command->add_flag("--json", options->json, "What was done, as JSON");
    command->callback([options, &chosen] {
        chosen = [options] {
            std::optional<redis::ClientConfig> none;
            const auto trusted = trust(options->authorities, none, options->clickhouse);
            return trusted ? init(*options) : failed(init_command, trusted.error());
        };
    });
}

}  // namespace qck::commands
