#pragma once

#include <cstddef>
#include <span>

namespace qck::stats {

/// What a rank test says of two samples.
struct RankTest {
    double u = 0;        ///< pairs in which the first sample's value is larger, ties counting half
    double p = 1;        ///< two-sided: how often chance alone parts the samples so far or further
    double least_p = 1;  ///< the smallest p that samples of these sizes can have
};

/// The Mann-Whitney U test (Mann and Whitney 1947), exact: over every way to deal the ranks that
/// there are (midranks where values are equal) to the two samples. It assumes that the values are
/// independent, and nothing of how they are distributed. Each sample holds 1 to rank_sample_max
/// finite values. Pure.
RankTest mann_whitney(std::span<const double> first, std::span<const double> second);
inline constexpr std::size_t rank_sample_max = 100;

}  // namespace qck::stats
