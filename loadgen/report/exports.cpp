#include "loadgen/report/exports.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/units.hpp"
#include "loadgen/report/html_text.hpp"

namespace qck::report {
namespace {

/// Empty for what was not measured.
std::string number(double value) {
    if (std::isnan(value)) return {};
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

/// For an attribute or content of XML 1.0; what it cannot hold becomes U+FFFD.
std::string xml(std::string_view text) {
    std::string out = escaped(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
    return out;
}

struct Case {
    std::string name;
    std::string failure;  ///< empty: passed
    bool is_error = false;
};

std::string reasons_of(const Report& report) {
    std::string text(to_string(report.verdict.status));
    for (const std::string& reason : report.verdict.reasons) text += "; " + reason;
    return text;
}

std::vector<Case> cases_of(const Report& report) {
    const bool valid = report.verdict.status == Status::valid;
    std::vector<Case> cases;
    cases.push_back({"the run is valid", valid ? "" : reasons_of(report), true});
    for (const Objective& objective : report.objectives) {
        std::string failure;
        if (!valid) {
            failure = "not measured: the run is not valid";
        } else if (!objective.pass) {
            failure = shown_value(objective);
        }
        cases.push_back({objective.expression, std::move(failure), !valid});
    }
    if (!report.reconcile_failure.empty()) {
        cases.push_back({"counts agree", report.reconcile_failure, true});
    } else if (report.reconcile) {
        const std::int64_t difference = report.reconcile->difference;
        cases.push_back(
            {"counts agree", difference == 0 ? "" : "difference " + std::to_string(difference)});
    }
    if (report.target_count) {
        const std::int64_t difference = report.target_count->difference;
        cases.push_back({"the target's own count agrees",
                         difference == 0 ? "" : "difference " + std::to_string(difference)});
    }
    return cases;
}

}  // namespace

std::string to_csv(const Report& report) {
    const SeriesReport& s = report.series;
    std::string out =
        "seconds,target_rate,scheduled,sent,answered,p50_us,p90_us,p99_us,p999_us,max_us";
    for (const auto& [cause, counts] : s.errors) out += "," + quoted("errors: " + cause);
    out += "\n";
    for (std::size_t at = 0; at < s.target.size(); ++at) {
        out += number(s.interval_s * static_cast<double>(at)) + "," + number(s.target[at]);
        for (const auto* counts : {&s.scheduled, &s.sent, &s.answered}) {
            out += "," + std::to_string((*counts)[at]);
        }
        for (const auto* times : {&s.p50_us, &s.p90_us, &s.p99_us, &s.p999_us, &s.max_us}) {
            out += "," + number((*times)[at]);
        }
        for (const auto& [cause, counts] : s.errors) out += "," + std::to_string(counts[at]);
        out += "\n";
    }
    return out;
}

std::string to_junit(const Report& report) {
    const std::vector<Case> cases = cases_of(report);
    std::size_t failures = 0;
    std::size_t errors = 0;
    for (const Case& one : cases) {
        if (one.failure.empty()) continue;
        ++(one.is_error ? errors : failures);
    }
    std::string out =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"" +
        xml("qck bench " + report.scenario) + "\" tests=\"" + std::to_string(cases.size()) +
        "\" failures=\"" + std::to_string(failures) + "\" errors=\"" + std::to_string(errors) +
        "\" time=\"" + number(report.seconds) + "\">\n";
    for (const Case& one : cases) {
        out += "<testcase classname=\"" + xml(report.scenario) + "\" name=\"" + xml(one.name) +
               "\" time=\"0\"";
        if (one.failure.empty()) {
            out += "/>\n";
            continue;
        }
        const std::string tag = one.is_error ? "error" : "failure";
        out += "><" + tag + " message=\"" + xml(one.failure) + "\"/></testcase>\n";
    }
    return out + "</testsuite>\n</testsuites>\n";
}

}  // namespace qck::report
