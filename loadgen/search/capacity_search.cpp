#include "loadgen/search/capacity_search.hpp"

#include <algorithm>
#include <cmath>

namespace qck::search {
namespace {

/// How much lower the next rate is as long as none has held.
constexpr double shrink = 4;

/// Three significant digits: rates that a person can say.
double rounded(double rate_per_s) {
    const double unit = std::pow(10, std::floor(std::log10(rate_per_s)) - 2);
    return std::round(rate_per_s / unit) * unit;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::held:
            return "held";
        case Outcome::missed:
            return "missed";
        case Outcome::generator:
            return "generator";
        case Outcome::interrupted:
            return "interrupted";
    }
    return "";
}

std::string_view to_string(StepKind kind) {
    switch (kind) {
        case StepKind::grow:
            return "grow";
        case StepKind::bisect:
            return "bisect";
        case StepKind::confirm:
            return "confirm";
    }
    return "";
}

std::string_view to_string(SearchStatus status) {
    switch (status) {
        case SearchStatus::searching:
            return "searching";
        case SearchStatus::found:
            return "found";
        case SearchStatus::reaches_limit:
            return "reaches_limit";
        case SearchStatus::generator_bound:
            return "generator_bound";
        case SearchStatus::none:
            return "none";
        case SearchStatus::unconfirmed:
            return "unconfirmed";
        case SearchStatus::interrupted:
            return "interrupted";
    }
    return "";
}

CapacitySearch::CapacitySearch(const SearchSettings& settings) : settings_(settings) {
    settings_.tries = std::max(settings_.tries, 1U);
    settings_.confirms_max = std::max(settings_.confirms_max, 1U);
    settings_.to_per_s = std::max(settings_.to_per_s, rate_min_per_s);
    settings_.from_per_s = std::clamp(settings_.from_per_s, rate_min_per_s, settings_.to_per_s);
}

double CapacitySearch::next_rate_per_s() const {
    if (confirming_per_s_ > 0) return confirming_per_s_;
    if (held_per_s_ == 0 && failed_per_s_ == 0) return settings_.from_per_s;
    if (failed_per_s_ == 0) return std::min(held_per_s_ * 2, settings_.to_per_s);
    if (held_per_s_ == 0) return std::max(rounded(failed_per_s_ / shrink), rate_min_per_s);
    return rounded(std::sqrt(held_per_s_ * failed_per_s_));
}

bool CapacitySearch::is_narrow() const {
    if (failed_per_s_ == 0) return held_per_s_ >= settings_.to_per_s;
    if (held_per_s_ == 0) return false;
    const double middle = rounded(std::sqrt(held_per_s_ * failed_per_s_));
    return failed_per_s_ <= held_per_s_ * (1 + settings_.precision) || middle <= held_per_s_ ||
           middle >= failed_per_s_;
}

std::optional<Step> CapacitySearch::next() const {
    if (status_ != SearchStatus::searching) return std::nullopt;
    Step step;
    step.rate_per_s = next_rate_per_s();
    step.attempt = failures_ + 1;
    step.duration = settings_.step;
    if (confirming_per_s_ > 0) {
        step.kind = StepKind::confirm;
        step.duration = settings_.confirm;
    } else if (failed_per_s_ > 0 && held_per_s_ > 0) {
        step.kind = StepKind::bisect;
    }
    return step;
}

void CapacitySearch::report(Outcome outcome) {
    if (status_ != SearchStatus::searching) return;
    if (outcome == Outcome::interrupted) {
        status_ = SearchStatus::interrupted;
        return;
    }
    const double rate_per_s = next_rate_per_s();
    if (confirming_per_s_ > 0) {
        tried_to_confirm(outcome, rate_per_s);
    } else {
        explored(outcome, rate_per_s);
    }
}

bool CapacitySearch::has_failed(Outcome outcome) {
    missed_ = missed_ || outcome == Outcome::missed;
    if (++failures_ < settings_.tries) return false;
    // One clean look at the target tells more than others that the generator spoilt.
    failed_by_ = missed_ ? Outcome::missed : Outcome::generator;
    failures_ = 0;
    missed_ = false;
    return true;
}

void CapacitySearch::explored(Outcome outcome, double rate_per_s) {
    if (outcome == Outcome::held) {
        held_per_s_ = rate_per_s;
        failures_ = 0;
        missed_ = false;
    } else if (has_failed(outcome)) {
        failed_per_s_ = rate_per_s;
        if (rate_per_s <= rate_min_per_s) {
            status_ = failed_by_ == Outcome::generator ? SearchStatus::generator_bound
                                                       : SearchStatus::none;
        }
    } else {
        return;
    }
    if (is_narrow()) confirming_per_s_ = held_per_s_;
}

void CapacitySearch::tried_to_confirm(Outcome outcome, double rate_per_s) {
    if (outcome == Outcome::held) {
        confirmed_ = true;
        held_per_s_ = rate_per_s;
        if (failed_per_s_ == 0) {
            status_ = SearchStatus::reaches_limit;
        } else {
            status_ = failed_by_ == Outcome::generator ? SearchStatus::generator_bound
                                                       : SearchStatus::found;
        }
        return;
    }
    // The long run is the proof: a miss of the target's counts at once.
    if (outcome == Outcome::missed) failures_ = settings_.tries - 1;
    if (!has_failed(outcome)) return;
    failed_per_s_ = rate_per_s;
    const double lower = rounded(rate_per_s / (1 + settings_.precision));
    if (++confirms_ >= settings_.confirms_max || lower < rate_min_per_s || lower >= rate_per_s) {
        status_ = failed_by_ == Outcome::generator ? SearchStatus::generator_bound
                                                   : SearchStatus::unconfirmed;
        return;
    }
    confirming_per_s_ = lower;
}

}  // namespace qck::search
