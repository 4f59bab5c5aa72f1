#include "cli/commands/report_compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/stats/rank_test.hpp"
#include "base/units.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/report_runs.hpp"
#include "cli/render/table.hpp"
#include "loadgen/report/report_json.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

/// A difference is one where chance alone would part the samples so far in less than this share.
constexpr double significance = 0.05;
/// Rates closer than this are one.
constexpr double same_rate = 1.001;

struct Side {
    std::string path;
    std::vector<report::Report> runs;  ///< the VALID ones
    std::size_t left_out = 0;
};

Result<Side> read_side(const std::string& path) {
    Side side;
    side.path = path;
    for (const std::string& run : runs_in(path)) {
        auto report = report::read_report(run);
        if (!report) return report.error();
        if (report->verdict.status == report::Status::valid) {
            side.runs.push_back(*std::move(report));
        } else {
            ++side.left_out;
        }
    }
    if (!side.runs.empty()) return side;
    return error(Errc::unavailable,
                 path + ": no run of it is VALID, so there is nothing to compare");
}

struct Measure {
    const char* name;
    const char* unit;
    /// Empty of a run that did not measure it.
    std::function<std::optional<double>(const report::Report&)> of;
};

std::vector<Measure> measures() {
    using Value = std::optional<double>;
    // As an objective has it: what failed, timed out, stayed unsent or was not answered as asked
    // for.
    const auto errors = [](const report::Report& r) -> Value {
        const record::Accounting& a = r.accounting;
        if (a.scheduled == 0) return std::nullopt;
        std::uint64_t wrong = a.failed + a.timed_out + a.unsent;
        for (const report::PhaseReport& phase : r.phases) {
            for (const auto& [status, times] : phase.unexpected) wrong += times;
        }
        return static_cast<double>(wrong) / static_cast<double>(a.scheduled);
    };
    // As a phase has it, over all of them: what came after a closed loop's end does not count, and
    // the time that late answers took does.
    const auto answered = [](const report::Report& r) -> Value {
        double sum = 0;
        double seconds = 0;
        for (const report::PhaseReport& phase : r.phases) {
            sum += phase.achieved_rate * phase.seconds;
            seconds += phase.seconds;
        }
        return seconds > 0 ? Value(sum / seconds) : std::nullopt;
    };
    const auto latency = [](double report::Latency::*figure) {
        return [figure](const report::Report& r) -> Value {
            return r.latency_us ? Value(*r.latency_us.*figure) : std::nullopt;
        };
    };
    return {
        {"answered", "/s", answered},
        {"p50", "us", latency(&report::Latency::p50)},
        {"p90", "us", latency(&report::Latency::p90)},
        {"p99", "us", latency(&report::Latency::p99)},
        {"p99.9", "us", latency(&report::Latency::p999)},
        {"errors", "share", errors},
    };
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Row {
    Measure measure;
    std::vector<double> first;
    std::vector<double> second;
    stats::RankTest test;
    bool differs() const { return test.p < significance; }
};

std::vector<Row> rows_of(const Side& first, const Side& second) {
    std::vector<Row> rows;
    for (const Measure& measure : measures()) {
        Row row{measure, {}, {}, {}};
        for (const auto& [side, values] :
             {std::pair{&first, &row.first}, std::pair{&second, &row.second}}) {
            for (const report::Report& run : side->runs) {
                if (const auto value = measure.of(run)) values->push_back(*value);
            }
        }
        if (row.first.empty() || row.second.empty()) continue;
        row.test = stats::mann_whitney(row.first, row.second);
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string value_text(double value, std::string_view unit) {
    if (unit == "/s") return format_rate(value) + "/s";
    if (unit == "us") return format_duration(std::chrono::nanoseconds(std::llround(value * 1e3)));
    char text[32];
    std::snprintf(text, sizeof text, "%.3g %%", value * 100);
    return text;
}

std::string change_text(double before, double after) {
    if (!(before > 0)) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%+.1f %%", (after / before - 1) * 100);
    return text;
}

std::string p_text(double p) {
    char text[32];
    std::snprintf(text, sizeof text, p < 0.001 ? "%.1e" : "%.3f", p);
    return text;
}

std::string runs_text(const Side& side) {
    std::string text = side.path + ": " + std::to_string(side.runs.size()) +
                       (side.runs.size() == 1 ? " run" : " runs");
    if (side.left_out > 0) text += ", " + std::to_string(side.left_out) + " not VALID left out";
    return text;
}

/// What the runs were not alike in: then a difference of their figures may come of that. Each a
/// sentence without its full stop.
std::vector<std::string> unlike(const Side& first, const Side& second) {
    std::vector<const report::Report*> all;
    for (const Side* const side : {&first, &second}) {
        for (const report::Report& run : side->runs) all.push_back(&run);
    }
    std::vector<std::string> notes;
    const auto note = [&](const char* what, const auto& value_of) {
        std::set<std::string> values;
        for (const report::Report* const run : all) values.insert(value_of(*run));
        if (values.size() < 2) return;
        notes.push_back("the runs had different " + std::string(what) + ": " + *values.begin() +
                        " and " + *values.rbegin() + (values.size() > 2 ? ", among others" : ""));
    };
    note("scenarios", [](const report::Report& r) { return r.scenario; });
    note("connections", [](const report::Report& r) {
        return format_count(r.connections) + " of depth " + format_count(r.pipeline);
    });
    note("compression of time", [](const report::Report& r) { return format_rate(r.compress); });
    const auto [least, most] =
        std::minmax_element(all.begin(), all.end(), [](const auto* one, const auto* other) {
            return one->nominal_peak_rate / one->scale < other->nominal_peak_rate / other->scale;
        });
    const double from = (*least)->nominal_peak_rate / (*least)->scale;
    const double to = (*most)->nominal_peak_rate / (*most)->scale;
    if (to > from * same_rate) {
        notes.push_back("the runs had different peak rates: " + format_rate(from) + "/s to " +
                        format_rate(to) + "/s");
    }
    return notes;
}

void print_text(const Side& first, const Side& second, const std::vector<Row>& rows) {
    std::printf("A  %s\nB  %s\n", runs_text(first).c_str(), runs_text(second).c_str());
    for (const std::string& note : unlike(first, second)) std::printf("%s\n", note.c_str());
    using Align = render::Table::Align;
    render::Table table({{"MEASURE"},
                         {"A", Align::right},
                         {"B", Align::right},
                         {"CHANGE", Align::right},
                         {"P", Align::right},
                         {""}});
    double least_p = 1;
    for (const Row& row : rows) {
        const double before = median(row.first);
        const double after = median(row.second);
        least_p = std::min(least_p, row.test.least_p);
        table.add({row.measure.name, value_text(before, row.measure.unit),
                   value_text(after, row.measure.unit), change_text(before, after),
                   p_text(row.test.p), row.differs() ? "differs" : "no difference shown"});
    }
    std::printf(
        "\n%s\nmedians; p by the Mann-Whitney U test, exact, two-sided, each measure by "
        "itself; differs: p < 0.05\n",
        table.text().c_str());
    if (least_p >= significance) {
        std::printf(
            "so few runs cannot show any difference (the smallest p they can have is %s): "
            "--repeat 4 or more on both sides\n",
            p_text(least_p).c_str());
    }
}

void print_json(const Side& first, const Side& second, const std::vector<Row>& rows) {
    Json out;
    for (const auto& [name, side] : {std::pair{"a", &first}, std::pair{"b", &second}}) {
        out[name] = {
            {"path", side->path}, {"runs", side->runs.size()}, {"left_out", side->left_out}};
    }
    out["notes"] = unlike(first, second);
    out["test"] = "Mann-Whitney U, exact, two-sided";
    out["measures"] = Json::array();
    for (const Row& row : rows) {
        out["measures"].push_back({{"name", row.measure.name},
                                   {"unit", row.measure.unit},
                                   {"a", row.first},
                                   {"b", row.second},
                                   {"median_a", median(row.first)},
                                   {"median_b", median(row.second)},
                                   {"u", row.test.u},
                                   {"p", row.test.p},
                                   {"least_p", row.test.least_p},
                                   {"differs", row.differs()}});
    }
    std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

Exit compare_runs(const std::string& first, const std::string& second, bool json) {
    const auto a = read_side(first);
    const auto b = a ? read_side(second) : a;
    if (!b) {
        return failed("qck report", wrong_input(b.error()));
    }
    const std::vector<Row> rows = rows_of(*a, *b);
    if (json) {
        print_json(*a, *b, rows);
    } else {
        print_text(*a, *b, rows);
    }
    return Exit::good;
}

}  // namespace qck::commands
