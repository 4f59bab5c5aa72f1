#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands/options.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/schema.hpp"

namespace qck::commands {
namespace {

constexpr const char* command_name = "qck init";

struct InitOptions {
    std::string postgres;
    bool json = false;
};

/// What was done to one store.
struct Initialised {
    std::string store;
    std::string url;  ///< without secrets
    std::int64_t from = 0;
    std::int64_t to = 0;
};

std::string sentence_of(const Initialised& done) {
    const auto version = "version " + std::to_string(done.to);
    const auto where = done.store + " " + done.url + ": ";
    if (done.from == done.to) return where + "the schema is there, " + version;
    if (done.from == 0) return where + "made the schema, " + version;
    return where + "brought the schema from version " + std::to_string(done.from) + " to " +
           version;
}

nlohmann::json json_of(const Initialised& done) {
    return {{"store", done.store},
            {"url", done.url},
            {"schema_before", done.from},
            {"schema", done.to},
            {"changed", done.from != done.to}};
}

Result<Initialised> init_postgres(const std::string& url) {
    postgres::PoolOptions options;
    options.url = url;
    postgres::Pool pool(options);
    const auto change =
        pool.with([](postgres::Connection& connection) { return postgres::migrate(connection); });
    if (!change) return change.error();
    return Initialised{"postgres", postgres::shown_url(url), change->from, change->to};
}

/// The stores that were named, in the order in which they are made ready. A further store is a line
/// here and a flag below.
std::vector<std::function<Result<Initialised>()>> steps_of(const InitOptions& options) {
    std::vector<std::function<Result<Initialised>()>> steps;
    if (!options.postgres.empty()) {
        steps.emplace_back([&options] { return init_postgres(options.postgres); });
    }
    return steps;
}

Exit init(const InitOptions& options) {
    const auto steps = steps_of(options);
    if (steps.empty()) {
        std::fprintf(stderr, "%s: which store? Give --postgres URL, or set QCK_POSTGRES\n",
                     command_name);
        return Exit::usage;
    }
    nlohmann::json stores = nlohmann::json::array();
    for (const auto& step : steps) {
        const auto done = step();
        if (!done) return failed(command_name, done.error());
        if (options.json) {
            stores.push_back(json_of(*done));
        } else {
            std::printf("%s\n", sentence_of(*done).c_str());
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
    command
        ->add_option("--postgres", options->postgres,
                     "PostgreSQL: postgresql://USER@HOST:PORT/DATABASE, or what libpq takes")
        ->type_name("URL");
    command->add_flag("--json", options->json, "What was done, as JSON");
    command->callback([options, &chosen] { chosen = [options] { return init(*options); }; });
}

}  // namespace qck::commands
