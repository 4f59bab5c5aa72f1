#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/report/report.hpp"
#include "loadgen/search/capacity_search.hpp"
#include "loadgen/search/step_result.hpp"

namespace qck::search {

/// Raised when a reader of older files could be misled by a newer one.
inline constexpr std::uint64_t search_format = 1;

/// All that search.json holds.
struct SearchReport {
    report::RunContext context;
    SearchSettings settings;
    std::int64_t started_ms = 0;
    std::uint32_t connections = 0;
    std::uint32_t pipeline = 1;
    std::vector<std::string> objectives;  ///< as given
    std::vector<StepResult> steps;        ///< in the order in which they ran
    SearchStatus status = SearchStatus::searching;
    double rate_per_s = 0;    ///< as CapacitySearch::rate_per_s()
    double failed_per_s = 0;  ///< as CapacitySearch::failed_per_s()
    bool confirmed = false;
    report::Machine machine;
    /// The answers of all steps beside what the service counted; absent where nobody was asked.
    std::optional<report::Reconciliation> reconcile;
};

/// Takes over how the search stands.
void take_status(SearchReport& report, const CapacitySearch& search);

/// What a search came to, in a sentence without a full stop: `12.5k/s holds p99<5ms (confirmed for
/// 20 s); at 13.1k/s: p99<5ms: 7.2 ms`.
std::string conclusion_of(const SearchReport& report);
/// What to do about it; empty where there is nothing to say.
std::string advice_of(const SearchReport& report);

/// The search as JSON, in the manner of report.json.
std::string to_json(const SearchReport& report);
/// As one HTML file that needs nothing else. Every string of the report is escaped.
std::string to_html(const SearchReport& report);

}  // namespace qck::search
