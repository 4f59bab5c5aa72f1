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
#include "cli/commands/options.hpp"
#include "cli/render/table.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/links/time_text.hpp"
#include "services/reconcile/compare.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"

namespace qck::commands {
namespace {

constexpr const char* command_name = "qck reconcile";
/// Shown in the table; --json has up to a thousand.
constexpr std::size_t rows_max = 50;

struct ReconcileOptions {
    std::filesystem::path data_dir = "qck-data";
    std::filesystem::path run;
    std::vector<std::string> links;
    std::optional<std::int64_t> since_ms;
    bool repair = false;
    bool allow_lower = false;
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
};

Result<Stores> open_stores(const ReconcileOptions& options) {
    Stores stores;
    auto held = clicks::DataDirectory::open_offline(options.data_dir, command_name);
    if (held) {
        stores.held = std::move(*held);
    } else if (held.error().code != Errc::unavailable || options.repair) {
        return held.error();
    }
    const auto identity = clicks::DataDirectory::peek(options.data_dir);
    if (!identity) return identity.error();
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

std::uint64_t id_of(sqlite::Db* links, const std::string& code) {
    if (links == nullptr) return 0;
    auto statement = links->cached("SELECT id FROM links WHERE code = ?");
    if (!statement) return 0;
    const sqlite::StatementScope scope(**statement);
    scope->bind(1, std::string_view(code));
    const auto row = scope->step();
    return row && *row ? static_cast<std::uint64_t>(scope->integer(0)) : 0;
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
    request.code_of = [links](std::uint64_t id) { return code_of(links, id); };
    request.id_of = [links](const std::string& code) { return id_of(links, code); };
    for (const auto& code : options.links) {
        const std::uint64_t id = id_of(links, code);
        if (id == 0) return error(Errc::not_found, "there is no link '" + code + "'");
        request.links.push_back(id);
    }
    if (!options.run.empty()) {
        auto run = reconcile::read_run_report(options.run);
        if (!run) return run.error();
        request.run = std::move(*run);
    }
    return request;
}

std::string name_of(const reconcile::Drift& drift) {
    if (!drift.code.empty()) return drift.code;
    return drift.link_id == 0 ? "(unknown codes)" : "(id " + std::to_string(drift.link_id) + ")";
}

std::string signed_count(std::uint64_t value, std::uint64_t reference) {
    return value < reference ? "-" + format_count(reference - value)
                             : "+" + format_count(value - reference);
}

std::string describe(const reconcile::Drift& drift) {
    std::string text;
    if (drift.store != drift.journal)
        text = signed_count(drift.store, drift.journal) + " in sqlite";
    if (drift.answered.value_or(0) > drift.journal) {
        if (!text.empty()) text += ", ";
        text += format_count(*drift.answered - drift.journal) + " answered but not counted";
    }
    return text;
}

void print_table(const reconcile::Comparison& result) {
    if (!result.drifts.empty()) {
        using render::Table;
        const bool run = result.answered.has_value();
        std::vector<Table::Column> columns{
            {"link"}, {"journal", Table::Align::right}, {"sqlite", Table::Align::right}};
        if (run) columns.push_back({"answered", Table::Align::right});
        columns.push_back({"drift"});
        Table table(std::move(columns));
        for (std::size_t at = 0; at < std::min(rows_max, result.drifts.size()); ++at) {
            const auto& drift = result.drifts[at];
            std::vector<std::string> cells{name_of(drift), format_count(drift.journal),
                                           format_count(drift.store)};
            if (run) cells.push_back(drift.answered ? format_count(*drift.answered) : "");
            cells.push_back(describe(drift));
            table.add(std::move(cells));
        }
        std::fputs(table.text(render::terminal_width(STDOUT_FILENO)).c_str(), stdout);
        const std::uint64_t more = result.drifting - std::min(rows_max, result.drifts.size());
        if (more > 0) std::printf("... %s more differ\n", format_count(more).c_str());
        std::printf("... %s more agree\n", format_count(result.links - result.drifting).c_str());
    }
}

const char* links_noun(std::uint64_t count) { return count == 1 ? "link" : "links"; }

void print_summary(const reconcile::Comparison& result) {
    if (result.drifting == 0) {
        std::printf("%s %s agree: journal %s = sqlite %s\n", format_count(result.links).c_str(),
                    links_noun(result.links), format_count(result.journal).c_str(),
                    format_count(result.store).c_str());
    } else {
        std::printf("%s of %s %s %s. Repair: qck reconcile --repair\n",
                    format_count(result.drifting).c_str(), format_count(result.links).c_str(),
                    links_noun(result.links), result.drifting == 1 ? "differs" : "differ");
    }
    if (result.answered) {
        const bool missing = *result.answered > result.journal;
        std::printf("the run's client saw %s answers%s\n", format_count(*result.answered).c_str(),
                    missing ? ", more than were counted" : "");
    }
    if (result.pending > 0) {
        std::printf("%s clicks are journaled and not in sqlite yet (a service is running)\n",
                    format_count(result.pending).c_str());
    }
    if (result.corrupt_places > 0) {
        std::printf("%s damaged %s in the journal (see journal/corrupt in the data directory)\n",
                    format_count(result.corrupt_places).c_str(),
                    result.corrupt_places == 1 ? "place" : "places");
    }
}

void print_json(const reconcile::Comparison& result) {
    nlohmann::json drifts = nlohmann::json::array();
    for (const auto& drift : result.drifts) {
        nlohmann::json row{{"id", std::to_string(drift.link_id)},
                           {"link", name_of(drift)},
                           {"journal", drift.journal},
                           {"sqlite", drift.store}};
        if (drift.answered) row["answered"] = *drift.answered;
        drifts.push_back(std::move(row));
    }
    nlohmann::json json{{"agrees", result.agrees()},   {"links", result.links},
                        {"journal", result.journal},   {"sqlite", result.store},
                        {"pending", result.pending},   {"corrupt_places", result.corrupt_places},
                        {"drifting", result.drifting}, {"drifts", std::move(drifts)}};
    if (result.answered) json["answered"] = *result.answered;
    std::printf("%s\n", json.dump(2).c_str());
}

Exit run_reconcile(const ReconcileOptions& options) {
    auto stores = open_stores(options);
    if (!stores) return failed(command_name, stores.error());
    auto request = make_request(options, *stores);
    if (!request) return failed(command_name, request.error());
    ProgressLine progress;
    request->progress = [&progress](double share) { progress(share); };
    if (options.repair) {
        const auto repaired = reconcile::repair(*request, *stores->counts, options.allow_lower);
        if (!repaired) return failed(command_name, repaired.error());
    }
    const auto result = reconcile::compare(*request, *stores->counts);
    progress.clear();
    if (!result) return failed(command_name, result.error());
    if (options.json) {
        print_json(*result);
    } else {
        print_table(*result);
        print_summary(*result);
    }
    return result->agrees() ? Exit::good : Exit::check_failed;
}

}  // namespace

void add_reconcile(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<ReconcileOptions>();
    auto* const command = app.add_subcommand(
        "reconcile", "Compares the counts of journal, store and a run; exit 1 when they differ");
    command->add_option("--data-dir", options->data_dir,
                        "Of the service; beside one that runs it only reads");
    command->add_option("--run", options->run,
                        "Directory of a run: its answers must all be counted");
    command->add_option("--link", options->links, "Only this code; may be given again");
    add_parsed(*command, "--since", options->since_ms, parse_since,
               "Only links clicked since then, by the segments that are kept");
    auto* const repair = command->add_flag(
        "--repair", options->repair, "Raises the store to the journal's counts (service stopped)");
    command
        ->add_flag("--allow-lower", options->allow_lower,
                   "With --repair: also lowers what the store has too much")
        ->needs(repair);
    command->add_flag("--json", options->json, "Prints the comparison as JSON");
    command->callback(
        [options, &chosen] { chosen = [options] { return run_reconcile(*options); }; });
}

}  // namespace qck::commands
