#include "loadgen/report/answers.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace qck::report {
namespace {

struct Answers {
    std::uint64_t all = 0;
    std::uint64_t unexpected = 0;
    std::map<std::uint16_t, std::uint64_t> by_status;  ///< of the unexpected

    double share() const {
        return all > 0 ? static_cast<double>(unexpected) / static_cast<double>(all) : 0;
    }
    /// The status that came most often.
    std::uint16_t most() const {
        const auto at =
            std::max_element(by_status.begin(), by_status.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; });
        return at == by_status.end() ? 0 : at->first;
    }
};

Answers answers_of(const record::RunResult& run) {
    Answers answers;
    for (const record::PhaseResult& phase : run.phases) {
        answers.all += phase.accounting.answered;
        for (const auto& [status, count] : phase.unexpected) {
            answers.unexpected += count;
            answers.by_status[status] += count;
        }
    }
    return answers;
}

/// `404: 1,200, 500: 3`.
std::string listed(const Answers& answers) {
    std::string text;
    for (const auto& [status, count] : answers.by_status) {
        text += (text.empty() ? "" : ", ") + std::to_string(status) + ": " + format_count(count);
    }
    return text;
}

std::string percent_of(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2g %%", share * 100);
    return text;
}

/// What may be behind such a status, and what to look at.
std::string advice_for(std::uint16_t status) {
    switch (status) {
        case 404:
        case 410:
            return "Is the link there? See what the target says to one request (curl -i URL), and "
                   "add the link, or name one that is there.";
        case 401:
        case 403:
            return "The target does not let the generator in: send what it asks for in the headers "
                   "of a scenario, or allow the generator's address.";
        case 429:
            return "A limit of the target's refuses this rate: raise it for the generator's "
                   "address, or lower the rate.";
        default:
            break;
    }
    if (status < 500) {
        return "The target refuses these requests: see what it says to one of them (curl -i URL).";
    }
    return "The target fails: look at its log. If it is only too much for it, lower the rate.";
}

}  // namespace

bool mostly_unexpected(const record::RunResult& run) {
    return answers_of(run).share() > unexpected_share_max;
}

void judge_answers(const record::RunResult& run, Verdict& verdict) {
    const Answers answers = answers_of(run);
    if (answers.unexpected == 0) return;
    if (answers.share() <= unexpected_share_max) {
        verdict.notes.push_back(
            format_count(answers.unexpected) + " of " + format_count(answers.all) +
            " answers were not what was asked for (" + listed(answers) + "), and count as errors.");
        return;
    }
    if (verdict.culprit == Culprit::none) verdict.culprit = Culprit::target;
    const bool all = answers.unexpected == answers.all;
    if (all && answers.by_status.size() == 1) {
        verdict.reasons.push_back("all answers were " + std::to_string(answers.most()) + " (" +
                                  format_count(answers.all) + " of them)");
    } else {
        verdict.reasons.push_back((all ? "no answer was what was asked for ("
                                       : percent_of(std::floor(answers.share() * 100) / 100) +
                                             " of the answers were not what was asked for (") +
                                  listed(answers) + ")");
    }
    verdict.advice.push_back(advice_for(answers.most()));
}

}  // namespace qck::report
