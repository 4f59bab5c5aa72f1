#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/answer_watch.hpp"
#include "cli/commands/code_option.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/reconcile_output.hpp"
#include "cli/commands/shared_views.hpp"
#include "cli/commands/store_flags.hpp"
#include "cli/commands/typed_command.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/links/time_text.hpp"
#include "services/reconcile/compare.hpp"
#include "services/reconcile/comparison_json.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"

namespace qck::commands {
namespace {

constexpr const char* reconcile_command = "qck reconcile";
/// As long as the service is heard of.
constexpr std::chrono::minutes comparison_max{60};

struct ReconcileOptions {
    std::filesystem::path data_dir = "qck-data";
    std::optional<client::ServiceUrl> admin;
    std::string token;
    std::string ca_file;
    std::filesystem::path run;
    std::vector<std::string> links;
    std::optional<std::int64_t> since_ms;
    bool repair = false;
    bool allow_lower = false;
    bool clean = false;
    SharedViews::Addresses shared;
    StoreAuthorities authorities;
    bool json = false;
};

/// `2026-11-22T01:00:00Z`, or a span that ends now: `1h`.
Result<std::optional<std::int64_t>> parse_since(std::string_view text) {
    if (const auto span = parse_duration(text)) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*span).count();
        return std::optional(wall_ms() - ms);
    }
    if (const auto time = links::parse_time(text)) return std::optional(*time);
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is no time (try 1h or 2026-11-22T01:00:00Z)");
}

/// The directory's stores: held by this process, or looked at beside the service that holds it.
struct Stores {
    std::unique_ptr<clicks::DataDirectory> held;
    std::unique_ptr<sqlite::SqliteClickStore> counts;
    std::unique_ptr<sqlite::Db> links;
    std::unique_ptr<SharedViews> shared;  ///< while no service changes them
};

/// That there is none at the place that was named is wrong input.
Error of_directory(Error error) {
    if (error.code == Errc::not_found) error.code = Errc::invalid_argument;
    return error;
}

Result<Stores> open_stores(const ReconcileOptions& options) {
    Stores stores;
    auto held = clicks::DataDirectory::open_offline(options.data_dir, reconcile_command);
    if (held) {
        stores.held = std::move(*held);
    } else if (held.error().code != Errc::unavailable) {
        return of_directory(held.error());
    } else if (options.repair) {
        return error(Errc::unavailable, "--repair writes the counts of " +
                                            options.data_dir.string() +
                                            ": stop the service that runs there first");
    }
    const auto identity = clicks::DataDirectory::peek(options.data_dir);
    if (!identity) return of_directory(identity.error());
    auto counts = sqlite::SqliteClickStore::open(
        options.data_dir / "clicks.db", identity->node,
        stores.held ? sqlite::OpenMode::create : sqlite::OpenMode::read_only);
    if (!counts) return counts.error();
    stores.counts = std::move(*counts);
    if (std::filesystem::exists(options.data_dir / "links.db")) {
        sqlite::DbOptions reading;
        reading.mode = sqlite::OpenMode::read_only;
        auto links = sqlite::Db::open(options.data_dir / "links.db", reading);
        if (!links) return links.error();
        stores.links = std::make_unique<sqlite::Db>(std::move(*links));
    }
    if (!options.shared.any() || !stores.held) return stores;
    auto shared = SharedViews::open(options.shared, identity->node);
    if (!shared) return shared.error();
    stores.shared = std::move(*shared);
    return stores;
}

std::string code_of(sqlite::Db* links, std::uint64_t id) {
    if (links == nullptr) return {};
    auto statement = links->cached("SELECT code FROM links WHERE id = ?");
    if (!statement) return {};
    const sqlite::StatementScope scope(**statement);
    scope->bind(1, id);
    const auto row = scope->step();
    return row && *row ? std::string(scope->text(0)) : std::string();
}

/// 0: there is no such link.
Result<std::uint64_t> id_of(const Stores& stores, const std::string& code) {
    if (stores.shared && stores.shared->has_links()) return stores.shared->id_of(code);
    if (!stores.links) return std::uint64_t{0};
    auto statement = stores.links->cached("SELECT id FROM links WHERE code = ?");
    if (!statement) return statement.error();
    const sqlite::StatementScope scope(**statement);
    scope->bind(1, std::string_view(code));
    const auto row = scope->step();
    if (!row) return row.error();
    return *row ? static_cast<std::uint64_t>(scope->integer(0)) : std::uint64_t{0};
}

/// A line that is drawn over, on a terminal, once the work takes longer than two seconds.
class ProgressLine {
public:
    void operator()(double share) {
        const auto now = std::chrono::steady_clock::now();
        if (!terminal_ || now - begin_ < std::chrono::seconds(2)) return;
        std::fprintf(stderr, "\rcomparing %3.0f %%", share * 100);
        shown_ = true;
    }
    void clear() {
        if (std::exchange(shown_, false)) std::fprintf(stderr, "\r\x1b[K");
    }

private:
    bool terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

Result<reconcile::Request> make_request(const ReconcileOptions& options, const Stores& stores) {
    reconcile::Request request;
    request.data_dir = options.data_dir;
    request.live = stores.held == nullptr;
    request.since_ms = options.since_ms;
    sqlite::Db* const links = stores.links.get();
    request.codes_of = [links](std::span<const std::uint64_t> ids) {
        std::vector<std::string> codes;
        for (const std::uint64_t id : ids) codes.push_back(code_of(links, id));
        return codes;
    };
    request.id_of = [&stores](const std::string& code) {
        const auto id = id_of(stores, code);
        return id ? *id : std::uint64_t{0};
    };
    if (const SharedViews* const shared = stores.shared.get()) {
        request.shared = shared->views();
        request.minutes = shared->minutes();
        if (shared->has_links()) {
            request.codes_of = [shared](std::span<const std::uint64_t> ids) {
                return shared->codes_of(ids);
            };
        }
    }
    const bool wants_codes = !options.links.empty() || !options.run.empty();
    const bool has_codes = links != nullptr || (stores.shared && stores.shared->has_links());
    if (wants_codes && !has_codes) {
        return error(Errc::invalid_argument,
                     "the links of " + options.data_dir.string() + " are in a PostgreSQL: " +
                         (stores.held ? "name it (--postgres), or ask the service that runs there "
                                        "(--admin URL)"
                                      : "ask the service that runs there (--admin URL)"));
    }
    for (const auto& code : options.links) {
        const auto id = id_of(stores, code);
        if (!id) return id.error();
        if (*id == 0) return links::no_such_link(code);
        request.links.push_back(*id);
    }
    if (!options.run.empty()) {
        auto run = reconcile::read_run_report(options.run);
        if (!run) return wrong_input(run.error());
        request.run = std::move(*run);
    }
    return request;
}

Result<reconcile::Comparison> compare_here(const ReconcileOptions& options) {
    auto stores = open_stores(options);
    if (!stores) return stores.error();
    auto request = make_request(options, *stores);
    if (!request) return request.error();
    ProgressLine progress;
    request->progress = [&progress](double share) { progress(share); };
    if (options.repair) {
        auto repaired = reconcile::repair(*request, *stores->counts, options.allow_lower);
        if (!repaired) return repaired.error();
    }
    auto result = reconcile::compare(*request, *stores->counts);
    progress.clear();
    if (!result) return result;
    if (options.shared.any() && !stores->shared) {
        result->notes.emplace_back(
            "the stores that instances share were not compared, since a service runs here: ask it "
            "(--admin URL)");
    } else if (options.repair && !result->agrees()) {
        result->notes.emplace_back(
            "without --admin SQLite alone is repaired; start the service, and it gives the others "
            "what they lack (qck reconcile --admin URL --repair)");
    }
    return result;
}

/// The service compares; it alone knows its stores.
Result<reconcile::Comparison> compare_there(const ReconcileOptions& options) {
    reconcile::Question question;
    question.codes = options.links;
    question.since_ms = options.since_ms;
    question.repair = options.repair;
    question.allow_lower = options.allow_lower;
    question.clean = options.clean;
    if (!options.run.empty()) {
        auto run = reconcile::read_run_report(options.run);
        if (!run) return wrong_input(run.error());
        question.run = std::move(*run);
    }
    client::RestConfig config;
    config.listener = client::RestConfig::Listener::admin;
    config.service = *options.admin;
    config.bearer_token = options.token;
    config.ca_file = options.ca_file;
    config.unreachable_hint = "start one with `qck serve`, or give --data-dir";
    const AnswerWatch watch(config, reconcile_command);
    // A repair of millions of links takes minutes; who is not heard of is not waited for.
    config.request_timeout = comparison_max;
    config.give_up = [&watch] { return watch.lost(); };
    const auto answer =
        client::RestClient(std::move(config)).call("POST", "/v1/reconcile", to_json(question));
    if (!answer && watch.lost()) {
        return error(Errc::timed_out,
                     options.admin->text +
                         " has not said anything for 10 s (is it stopped, or stuck? see its log)");
    }
    if (!answer) return answer.error();
    return reconcile::comparison_from_json(answer->body);
}

Exit run_reconcile(const ReconcileOptions& options) {
    if (was_typed("--data-dir") && was_typed("--admin")) {
        return failed(reconcile_command,
                      error(Errc::invalid_argument,
                            "--data-dir and --admin exclude each other: a service is "
                            "asked, or its directory read"));
    }
    if (options.clean && !options.admin) {
        return failed(
            reconcile_command,
            error(Errc::invalid_argument, "--clean is for a service that runs: give its --admin"));
    }
    const auto result = options.admin ? compare_there(options) : compare_here(options);
    if (!result) {
        const bool no_link = result.error().code == Errc::not_found;
        return (no_link ? refused : failed)(reconcile_command, result.error());
    }
    if (options.json) {
        std::printf("%s\n", to_json(*result).c_str());
    } else {
        // What instances share is repaired by a service that runs.
        std::string of = "--data-dir " + options.data_dir.string();
        if (options.admin || options.shared.any()) {
            of = "--admin " + (options.admin ? options.admin->text : std::string("URL"));
        }
        print_comparison(*result, std::string(reconcile_command) + " " + of);
    }
    return result->agrees() ? Exit::good : Exit::check_failed;
}

}  // namespace

void add_reconcile(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<ReconcileOptions>();
    auto* const command = app.add_subcommand(
        "reconcile", "Compares the counts of journal, stores and a run; exit 1 when they differ");
    command->add_option("--data-dir", options->data_dir,
                        "Of the service; beside one that runs it only reads");
    add_parsed(*command, "--redis", options->shared.redis, parse_redis_flag,
               "Without --admin, service stopped: compares this store, too", "URL[,URL...]");
    add_redis_authority(*command, options->authorities);
    add_parsed(*command, "--postgres", options->shared.postgres, parse_postgres_flag, "The same",
               "URL");
    add_parsed(*command, "--clickhouse", options->shared.clickhouse, parse_clickhouse_flag,
               "The same", "URL[,URL...]");
    add_clickhouse_authority(*command, options->authorities);
    add_parsed(
        *command, "--admin", options->admin,
        [](std::string_view text) -> Result<std::optional<client::ServiceUrl>> {
            auto url = client::parse_admin_url(text);
            if (!url) return url.error();
            return std::optional(std::move(*url));
        },
        "Asks the service that runs there, with its stores, instead", "URL");
    command->add_option("--token", options->token,
                        "Bearer token of that service (better: QCK_TOKEN)");
    add_parsed(*command, "--ca", options->ca_file, readable_file,
               "PEM file of the authorities to trust for its TLS", "FILE");
    command->add_option("--run", options->run,
                        "Directory of a run: its answers must all be counted");
    command->add_option("--link", options->links, "Only this code; may be given again")
        ->allow_extra_args(false)
        ->check(code_check());
    add_parsed(*command, "--since", options->since_ms, parse_since,
               "Only links clicked since then, by the segments that are kept");
    auto* const repair = command->add_flag(
        "--repair", options->repair,
        "Gives the stores what they lack of the journal's counts (without --admin: service "
        "stopped, SQLite)");
    command
        ->add_flag("--allow-lower", options->allow_lower,
                   "With --repair: also lowers what a store has too much")
        ->needs(repair);
    command->add_flag("--clean", options->clean,
                      "With --admin: removes from Redis what only a burst needed (keys of single "
                      "seconds; never counts)");
    command->add_flag("--json", options->json, "Prints the comparison as JSON");
    command->callback([options, &chosen] {
        chosen = [options] {
            auto& shared = options->shared;
            const auto trusted = trust(options->authorities, shared.redis, shared.clickhouse);
            return trusted ? run_reconcile(*options) : failed(reconcile_command, trusted.error());
        };
    });
}

}  // namespace qck::commands
