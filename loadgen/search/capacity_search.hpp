#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace qck::search {

struct SearchSettings {
    double from_per_s = 1'000;  ///< the first rate that is tried
    double to_per_s = 1e9;      ///< never tried above this
    /// The answer is known when the lowest rate that failed is within this share above it.
    double precision = 0.05;
    /// A rate has failed when it failed this many times in a row: one hiccup is no limit.
    std::uint32_t tries = 2;
    std::chrono::nanoseconds step = std::chrono::seconds(5);
    /// Length of the run that confirms the answer. A queue that fills slowly shows only here.
    std::chrono::nanoseconds confirm = std::chrono::seconds(20);
    /// Rates that may be tried to be confirmed, each a `precision` below the one before.
    std::uint32_t confirms_max = 5;
    /// After a rate that failed, how long at most the target may take to work off what it left.
    std::chrono::nanoseconds settle_max = std::chrono::seconds(30);
};

/// What a run at one rate showed.
enum class Outcome : std::uint8_t {
    held,         ///< valid, and every objective was met
    missed,       ///< an objective was missed, or the target or the network fell short
    generator,    ///< the generator fell short: nothing is known of the target
    interrupted,  ///< somebody stopped it: the search ends
};
std::string_view to_string(Outcome outcome);

enum class StepKind : std::uint8_t { grow, bisect, confirm };
std::string_view to_string(StepKind kind);

/// A run to be made.
struct Step {
    StepKind kind = StepKind::grow;
    double rate_per_s = 0;
    std::chrono::nanoseconds duration{};
    std::uint32_t attempt = 1;
};

/// How a search ended.
enum class SearchStatus : std::uint8_t {
    searching,
    found,            ///< the rate held for the long run, and a little more did not
    reaches_limit,    ///< `to_per_s` itself held
    generator_bound,  ///< what lies above the rate could not be offered: no knee of the target
    none,             ///< nothing held, down to 1/s
    unconfirmed,      ///< rates that held for a step never held for the long run
    interrupted,
};
std::string_view to_string(SearchStatus status);

/// Looks for the largest rate that holds the objectives: doubles the rate until it fails, bisects
/// (by the geometric mean) between what held and what failed, and confirms the answer by a longer
/// run. Nothing is assumed but that a rate which is too high stays so higher up.
///
/// A failure that is the generator's bounds the search as any other does, for more cannot be
/// offered; but an answer that lies right below such a bound is no limit of the target's, and the
/// search says `generator_bound`. Pure: next() says what to run, report() is told what came of it.
class CapacitySearch {
public:
    static constexpr double rate_min_per_s = 1;

    explicit CapacitySearch(const SearchSettings& settings);

    /// The run to be made now; empty when the search has ended.
    std::optional<Step> next() const;
    /// Of the step that next() gave.
    void report(Outcome outcome);

    SearchStatus status() const { return status_; }
    /// The answer, confirmed(); of a search that found none, the highest rate that held for a step,
    /// which may be above one that failed for the long run. 0: none did.
    double rate_per_s() const { return held_per_s_; }
    /// The lowest rate that failed, and how; 0 when none did.
    double failed_per_s() const { return failed_per_s_; }
    Outcome failed_by() const { return failed_by_; }
    /// The long run held at rate_per_s().
    bool confirmed() const { return confirmed_; }

private:
    double next_rate_per_s() const;
    bool is_narrow() const;
    void explored(Outcome outcome, double rate_per_s);
    void tried_to_confirm(Outcome outcome, double rate_per_s);
    /// Counts a failure; true when that was the last of the tries.
    bool has_failed(Outcome outcome);

    SearchSettings settings_;
    SearchStatus status_ = SearchStatus::searching;
    double held_per_s_ = 0;
    double failed_per_s_ = 0;
    Outcome failed_by_ = Outcome::missed;
    std::uint32_t failures_ = 0;   ///< in a row, at the rate that is being tried
    bool missed_ = false;          ///< one of them was the target's
    double confirming_per_s_ = 0;  ///< tried for the long run; 0: none yet
    bool confirmed_ = false;
    std::uint32_t confirms_ = 0;
};

}  // namespace qck::search
