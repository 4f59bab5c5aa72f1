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
    std::printf("... %s more agree\n", format_count(result.links - result.drifting).c_str());
}

const char* links_noun(std::uint64_t count) { return count == 1 ? "link" : "links"; }

void print_summary(const Comparison& result) {
    if (result.drifting == 0) {
        std::string sums;
        for (const auto& store : result.stores) {
            sums += " = " + store.name + " " + format_count(store.clicks);
        }
        std::printf("%s %s agree: journal %s%s\n", format_count(result.links).c_str(),
                    links_noun(result.links), format_count(result.journal).c_str(), sums.c_str());
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

}  // namespace

void print_comparison(const Comparison& comparison) {
    print_table(comparison);
    print_summary(comparison);
}

}  // namespace qck::commands
