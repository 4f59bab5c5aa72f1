#include "cli/commands/reconcile_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "cli/render/table.hpp"
#include "cli/render/terminal.hpp"
#include "services/reconcile/comparison_json.hpp"

namespace qck::commands {
namespace {

using reconcile::Comparison;
using reconcile::Drift;

/// Shown in the table; --json has up to a thousand.
constexpr std::size_t rows_max = 50;

std::string signed_count(std::uint64_t value, std::uint64_t reference) {
    return value < reference ? "-" + format_count(reference - value)
                             : "+" + format_count(value - reference);
}

std::string describe(const Comparison& comparison, const Drift& drift) {
    if (drift.link_id == 0 && !drift.code.empty()) return "no such link here";
    std::string text;
    const auto add = [&text](const std::string& part) {
        if (!text.empty()) text += ", ";
        text += part;
    };
    for (std::size_t at = 0; at < drift.stores.size(); ++at) {
        if (drift.stores[at] == drift.journal) continue;
        add(signed_count(drift.stores[at], drift.journal) + " in " + comparison.stores[at].name);
    }
    if (drift.answered.value_or(0) > drift.journal) {
        add(format_count(*drift.answered - drift.journal) + " answered but not counted");
    }
    return text;
}

void print_table(const Comparison& result) {
    if (result.drifts.empty()) return;
    using render::Table;
    const bool run = result.answered.has_value();
    std::vector<Table::Column> columns{{"link"}, {"journal", Table::Align::right}};
    for (const auto& store : result.stores) columns.push_back({store.name, Table::Align::right});
    if (run) columns.push_back({"answered", Table::Align::right});
    columns.push_back({"drift"});
    Table table(std::move(columns));
    for (std::size_t at = 0; at < std::min(rows_max, result.drifts.size()); ++at) {
        const Drift& drift = result.drifts[at];
        std::vector<std::string> cells{name_of(drift), format_count(drift.journal)};
        for (const std::uint64_t clicks : drift.stores) cells.push_back(format_count(clicks));
        if (run) cells.push_back(drift.answered ? format_count(*drift.answered) : "");
        cells.push_back(describe(result, drift));
        table.add(std::move(cells));
    }
    std::fputs(table.text(render::terminal_width(STDOUT_FILENO)).c_str(), stdout);
    const std::uint64_t more = result.drifting - std::min(rows_max, result.drifts.size());
    if (more > 0) std::printf("... %s more differ\n", format_count(more).c_str());
    const std::uint64_t differing = result.drifting - result.absent;
    std::printf("... %s more agree\n", format_count(result.links - differing).c_str());
}

/// UTC, and shorter than in --json.
std::string clock_text(std::uint32_t minute) {
    std::string text = reconcile::minute_text(minute);
    text.pop_back();
    text[text.find('T')] = ' ';
    return text;
}

std::string describe(const reconcile::MinuteDrift& drift) {
    if (drift.store.clicks != drift.journal.clicks) {
        return signed_count(drift.store.clicks, drift.journal.clicks);
    }
    return "as many, but other clicks";
}

void print_minutes(const reconcile::MinuteComparison& minutes) {
    if (!minutes.not_compared.empty()) {
        std::printf("not compared by the minute: %s\n", minutes.not_compared.c_str());
        return;
    }
    if (minutes.drifts.empty()) return;
    using render::Table;
    Table table({{"link"},
                 {"minute (UTC)"},
                 {"journal", Table::Align::right},
                 {minutes.store, Table::Align::right},
                 {"difference"}});
    const std::size_t shown = std::min(rows_max, minutes.drifts.size());
    for (std::size_t at = 0; at < shown; ++at) {
        const auto& drift = minutes.drifts[at];
        table.add({name_of(drift), clock_text(drift.minute), format_count(drift.journal.clicks),
                   format_count(drift.store.clicks), describe(drift)});
    }
    std::fputs(table.text(render::terminal_width(STDOUT_FILENO)).c_str(), stdout);
    if (minutes.drifts.size() > shown) {
        std::printf("... %s more links and minutes differ\n",
                    format_count(minutes.drifts.size() - shown).c_str());
    }
    std::printf("%s %s in %s (compared from %s to %s)\n", format_count(minutes.differing).c_str(),
                minutes.differing == 1 ? "minute differs" : "minutes differ", minutes.store.c_str(),
                clock_text(minutes.first).c_str(), clock_text(minutes.last).c_str());
}

void print_held_back(const Comparison& result) {
    for (const auto& store : result.stores) {
        if (store.links_held_back == 0) continue;
        std::printf("held back from %s while in a burst: %s clicks of %s link%s\n",
                    store.name.c_str(), format_count(store.held_back).c_str(),
                    format_count(store.links_held_back).c_str(),
                    store.links_held_back == 1 ? "" : "s");
    }
}

const char* links_noun(std::uint64_t count) { return count == 1 ? "link" : "links"; }

bool stores_differ(const Comparison& result) {
    return std::any_of(result.drifts.begin(), result.drifts.end(), [](const Drift& drift) {
        return std::any_of(drift.stores.begin(), drift.stores.end(),
                           [&](std::uint64_t clicks) { return clicks != drift.journal; });
    });
}

/// What makes the stores agree; a repair alone lowers nothing.
std::string repair_advice(const Comparison& result, const std::string& command) {
    if (!stores_differ(result)) return {};
    const bool too_much =
        std::any_of(result.drifts.begin(), result.drifts.end(), [](const Drift& drift) {
            return std::any_of(drift.stores.begin(), drift.stores.end(),
                               [&](std::uint64_t clicks) { return clicks > drift.journal; });
        });
    return ". Repair: " + command + " --repair" +
           (too_much ? " --allow-lower (a store has more than the journal: look why first)" : "");
}

void print_run(const Comparison& result) {
    std::printf("the run's client saw %s answers", format_count(*result.answered).c_str());
    if (result.absent > 0) {
        std::printf(
            "; %s of its links %s not here: is this the data directory of the service that "
            "was loaded?\n",
            format_count(result.absent).c_str(), result.absent == 1 ? "is" : "are");
    } else if (result.drifting == 0) {
        std::puts(": every link has at least as many clicks journaled");
    } else if (!result.agrees() && !stores_differ(result)) {
        std::puts(", more than were counted");
    } else {
        std::puts("");
    }
}

void print_summary(const Comparison& result, const std::string& command) {
    if (result.drifting == 0) {
        std::string sums;
        for (const auto& store : result.stores) {
            sums += " = " + store.name + " " + format_count(store.clicks);
            if (store.held_back > 0) sums += " + " + format_count(store.held_back);
        }
        std::printf("%s %s %s: journal %s%s\n", format_count(result.links).c_str(),
                    links_noun(result.links), result.links == 1 ? "agrees" : "agree",
                    format_count(result.journal).c_str(), sums.c_str());
    } else if (result.drifting > result.absent) {
        const std::uint64_t differing = result.drifting - result.absent;
        std::printf("%s of %s %s %s%s\n", format_count(differing).c_str(),
                    format_count(result.links).c_str(), links_noun(result.links),
                    differing == 1 ? "differs" : "differ", repair_advice(result, command).c_str());
    }
    if (result.pending > 0) {
        std::printf("%s more clicks are journaled and being counted (a service is running)\n",
                    format_count(result.pending).c_str());
    }
    if (result.answered) print_run(result);
    if (result.corrupt_places > 0) {
        std::printf("%s damaged %s in the journal (see journal/corrupt in the data directory)\n",
                    format_count(result.corrupt_places).c_str(),
                    result.corrupt_places == 1 ? "place" : "places");
    }
}

}  // namespace

void print_comparison(const Comparison& comparison, const std::string& command) {
    print_table(comparison);
    if (comparison.minutes) print_minutes(*comparison.minutes);
    print_summary(comparison, command);
    print_held_back(comparison);
    for (const std::string& note : comparison.notes) std::printf("%s\n", note.c_str());
    if (comparison.cleaned) {
        std::printf("%s keys of single seconds were removed from Redis\n",
                    format_count(*comparison.cleaned).c_str());
    }
}

}  // namespace qck::commands
