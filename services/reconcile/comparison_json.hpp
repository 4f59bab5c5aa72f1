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
};
/// `{codes: [code], since_ms, repair, run: {answered, by_code: {code: count}, unknown}}`; every
/// field but the run's first two may be absent.
std::string to_json(const Question& question);
/// Errc::invalid_argument with what is wrong. Empty text asks everything.
Result<Question> question_from_json(std::string_view text);

/// As `qck reconcile --json` prints it and `POST /v1/reconcile` answers:
///
///     {agrees, links, journal, stores: {name: clicks}, pending, corrupt_places, drifting, absent,
///      drifts: [{id, code, journal, stores: {name: clicks}, answered?}], answered?}
std::string to_json(const Comparison& comparison);
/// Errc::invalid_argument when it is no such document.
Result<Comparison> comparison_from_json(std::string_view text);

/// How a link is shown: its code, or what there is in its place.
std::string name_of(const Drift& drift);

}  // namespace qck::reconcile
