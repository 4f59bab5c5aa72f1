#include "cli/render/plan_lines.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

#include "base/units.hpp"
#include "cli/render/table.hpp"

namespace qck::render {
namespace {

constexpr std::size_t group_columns = 12;

/// `$186.67`, `112`, `11.68`, `1.05M`: with its unit where that is not money.
std::string value_text(double value, const std::string& unit) {
    char text[64];
    if (unit == "$") {
        std::snprintf(text, sizeof text, "$%.2f", value);
        return text;
    }
    if (value >= 100'000) return format_rate(value) + " " + unit;
    std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f" : "%.4g", value);
    return std::string(text) + " " + unit;
}

std::string number_text(double value) {
    char text[32];
    if (value >= 10'000) return format_rate(value);
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

}  // namespace

std::string plan_lines(double peak_per_s, const std::vector<planner::Figure>& figures,
                       const planner::Assumptions& given, const Terminal& terminal) {
    std::string out =
        toned(terminal, Tone::bold, "A burst with its peak at " + format_rate(peak_per_s) + "/s") +
        "\n\n";
    std::size_t names = 0;
    std::size_t values = 0;
    for (const planner::Figure& figure : figures) {
        names = std::max(names, display_width(figure.name));
        values = std::max(values, display_width(value_text(figure.value, figure.unit)));
    }
    std::string group;
    std::set<planner::Given> used;
    for (const planner::Figure& figure : figures) {
        used.insert(figure.from.begin(), figure.from.end());
        const bool first = std::exchange(group, figure.group) != figure.group;
        out += padded_right(first ? figure.group : "", group_columns) +
               padded_right(figure.name, names) + "  " +
               padded_right(value_text(figure.value, figure.unit), values) + "  " +
               toned(terminal, Tone::dim, "= " + figure.how) + "\n";
        if (!figure.note.empty()) {
            out += std::string(group_columns, ' ') + std::string(names + 2, ' ') +
                   toned(terminal, Tone::dim, figure.note) + "\n";
        }
    }
    out += "\nfrom\n";
    Table table({{"FLAG"}, {"VALUE", Table::Align::right}, {"UNIT"}, {"WHAT"}, {"SOURCE"}});
    for (const planner::Assumption& one : given.all()) {
        if (!used.contains(one.id)) continue;
        table.add({"--" + std::string(one.flag), number_text(one.value), std::string(one.unit),
                   std::string(one.what), one.source});
    }
    return out + table.text();
}

std::string stage_lines(std::string_view what, double per_day, const planner::Stage& stage,
                        const Terminal& terminal) {
    char average[32];
    std::snprintf(average, sizeof average, "%.4g", per_day / 86'400);
    std::string out =
        toned(terminal, Tone::bold, format_rate(per_day) + " " + std::string(what) + " a day") +
        "  (" + average + "/s on average)\n" + std::string(stage.name) + ": up to " +
        format_rate(stage.per_day) + " a day, about $" +
        format_count(static_cast<std::uint64_t>(stage.dollars_a_month)) + " a month\n\n";
    Table table({{"COMPONENT"}, {"MACHINE"}, {"COUNT"}, {"$/MONTH", Table::Align::right}});
    for (const planner::StageItem& item : stage.items) {
        const bool priced = item.dollars_a_month > 0;
        table.add({std::string(item.component), std::string(item.machine), std::string(item.count),
                   priced ? format_count(static_cast<std::uint64_t>(item.dollars_a_month)) : "-"});
    }
    out += table.text();
    if (!stage.note.empty()) out += "\n" + std::string(stage.note) + "\n";
    return out + "source: " + std::string(stage.source) + "\n";
}

}  // namespace qck::render
