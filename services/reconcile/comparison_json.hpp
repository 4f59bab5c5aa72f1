#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/reconcile/compare.hpp"

namespace qck::reconcile {

/// What a service is asked to compare.
struct Question {
    std::vector<std::string> codes;  ///< only these links; empty: all
    std::optional<std::int64_t> since_ms;
    std::optional<RunReport> run;
    /// Stores that lack something are given it before the answer.
    bool repair = false;
    /// With `repair`: and what has too much is lowered.
    bool allow_lower = false;
    /// Keys of Redis that only a burst needed are removed.
    bool clean = false;
};
/// `{codes: [code], since_ms, repair, allow_lower, clean, run: {answered, by_code: {code: count},
/// unknown}}`; every field but the run's first two may be absent.
std::string to_json(const Question& question);
/// Errc::invalid_argument with what is wrong. Empty text asks everything.
Result<Question> question_from_json(std::string_view text);

/// As `qck reconcile --json` prints it and `POST /v1/reconcile` answers:
///
///     {agrees, links, journal, stores: {name: clicks}, pending, corrupt_places, drifting, absent,
///      drifts: [{id, code, journal, stores: {name: clicks}, answered?}], answered?,
///      held_back: {name: {clicks, links}}, notes: [text], cleaned?,
///      minutes?: {store, from, to, clicks, differing, not_compared?,
///                 drifts: [{id, code, minute, journal: {clicks, hash}, store: {clicks, hash}}]}}
///
/// Minutes are texts as 2026-11-22T01:02Z, hashes 16 hex digits.
std::string to_json(const Comparison& comparison);
/// Errc::invalid_argument when it is no such document.
Result<Comparison> comparison_from_json(std::string_view text);

/// How a link is shown: its code, or what there is in its place.
std::string name_of(const Drift& drift);
std::string name_of(const MinuteDrift& drift);
/// `2026-11-22T01:02Z` of minutes since 1970.
std::string minute_text(std::uint32_t minute);

}  // namespace qck::reconcile
