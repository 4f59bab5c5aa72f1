#include "base/stats/rank_test.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace qck::stats {
namespace {

/// Twice the midrank of every value of both samples, the first sample's first.
std::vector<std::size_t> doubled_ranks(std::span<const double> first,
                                       std::span<const double> second) {
    std::vector<std::pair<double, std::size_t>> sorted;
    for (const double value : first) sorted.emplace_back(value, sorted.size());
    for (const double value : second) sorted.emplace_back(value, sorted.size());
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::size_t> ranks(sorted.size());
    for (std::size_t begin = 0; begin < sorted.size();) {
        std::size_t end = begin;
        while (end < sorted.size() && sorted[end].first == sorted[begin].first) ++end;
        // The mean of begin + 1 … end, twice.
        for (std::size_t at = begin; at < end; ++at) ranks[sorted[at].second] = begin + 1 + end;
        begin = end;
    }
    return ranks;
}

/// shares[s]: of all ways to take `taken` of the ranks, those that add up to s.
std::vector<double> sum_shares(const std::vector<std::size_t>& ranks, std::size_t taken) {
    std::size_t total = 0;
    for (const std::size_t rank : ranks) total += rank;
    std::vector<std::vector<double>> ways(taken + 1, std::vector<double>(total + 1, 0));
    ways[0][0] = 1;
    std::size_t seen = 0;
    for (const std::size_t rank : ranks) {
        ++seen;
        for (std::size_t count = std::min(taken, seen); count > 0; --count) {
            for (std::size_t sum = total; sum >= rank; --sum) {
                ways[count][sum] += ways[count - 1][sum - rank];
            }
        }
    }
    double all = 0;
    for (const double some : ways[taken]) all += some;
    for (double& some : ways[taken]) some /= all;
    return std::move(ways[taken]);
}

}  // namespace

RankTest mann_whitney(std::span<const double> first, std::span<const double> second) {
    RankTest test;
    if (first.empty() || second.empty() || first.size() > rank_sample_max ||
        second.size() > rank_sample_max) {
        return test;
    }
    const std::vector<std::size_t> ranks = doubled_ranks(first, second);
    std::size_t sum = 0;
    for (std::size_t at = 0; at < first.size(); ++at) sum += ranks[at];
    const auto n = static_cast<double>(first.size());
    test.u = static_cast<double>(sum) / 2 - n * (n + 1) / 2;
    const std::vector<double> shares = sum_shares(ranks, first.size());
    // Twice the rank sum that chance gives on average.
    const double middle = n * (n + static_cast<double>(second.size()) + 1);
    const double away = std::abs(static_cast<double>(sum) - middle);
    double p = 0;
    double furthest = 0;
    for (std::size_t s = 0; s < shares.size(); ++s) {
        if (shares[s] <= 0) continue;
        const double distance = std::abs(static_cast<double>(s) - middle);
        if (distance >= away - 1e-9) p += shares[s];
        furthest = std::max(furthest, distance);
    }
    test.p = std::min(p, 1.0);
    double least = 0;
    for (std::size_t s = 0; s < shares.size(); ++s) {
        if (std::abs(static_cast<double>(s) - middle) >= furthest - 1e-9) least += shares[s];
    }
    test.least_p = std::min(least, 1.0);
    return test;
}

}  // namespace qck::stats
