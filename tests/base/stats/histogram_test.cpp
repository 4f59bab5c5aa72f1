#include "base/stats/histogram.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/support/catch.hpp"

using qck::stats::CoarseHistogram;
using qck::stats::Histogram;

namespace {

/// Spans from 1 µs to 1 h, as many in each power of ten.
std::vector<std::uint64_t> log_uniform(std::uint32_t seed, std::size_t count) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> exponent(3, 12.556);
    std::vector<std::uint64_t> values(count);
    for (auto& value : values) value = static_cast<std::uint64_t>(std::pow(10, exponent(random)));
    return values;
}

template <class H>
void check_against_sorting(std::uint32_t seed, double tolerance) {
    CAPTURE(seed);
    auto values = log_uniform(seed, 20'000);
    H histogram;
    double sum = 0;
    for (const auto value : values) {
        histogram.record(static_cast<std::int64_t>(value));
        sum += static_cast<double>(value);
    }
    std::sort(values.begin(), values.end());
    for (const double share : {0.0001, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
        CAPTURE(share);
        const auto rank =
            static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
        const auto exact = static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
        const auto found = static_cast<double>(histogram.percentile_ns(share));
        CHECK(found >= exact);
        CHECK(found <= exact * (1 + tolerance) + 1);
    }
    CHECK(histogram.count() == values.size());
    CHECK(histogram.max_ns() == values.back());
    CHECK(histogram.mean_ns() == Approx(sum / static_cast<double>(values.size())));
}

}  // namespace

TEST_CASE("percentiles are those of the sorted values to three digits", "[base][stats]") {
    for (const std::uint32_t seed : {1U, 2U, 3U})
        check_against_sorting<Histogram>(seed, 1.0 / 1024);
}

TEST_CASE("the coarse histogram is right to 1.6 percent", "[base][stats]") {
    for (const std::uint32_t seed : {1U, 2U, 3U})
        check_against_sorting<CoarseHistogram>(seed, 1.0 / 64);
}

TEST_CASE("every bucket begins where the one before it ends", "[base][stats]") {
    for (std::size_t index = 0; index < 30'000; ++index) {
        const auto low = Histogram::lowest_in(index);
        const auto high = Histogram::highest_in(index);
        if (Histogram::index_of(low) != index || Histogram::index_of(high) != index) {
            FAIL("bucket " << index << " holds " << low << ".." << high);
        }
    }
}

TEST_CASE("merged histograms are the histogram of all values", "[base][stats]") {
    const auto values = log_uniform(7, 5'000);
    Histogram all, even, odd;
    for (std::size_t at = 0; at < values.size(); ++at) {
        const auto value = static_cast<std::int64_t>(values[at]);
        all.record(value);
        (at % 2 == 0 ? even : odd).record(value);
    }
    even.add(odd);
    for (double share = 0; share <= 1; share += 0.001)
        REQUIRE(even.percentile_ns(share) == all.percentile_ns(share));
    CHECK(even.mean_ns() == all.mean_ns());
    CHECK(even.max_ns() == all.max_ns());
}

TEST_CASE("spans outside the range are counted at its ends", "[base][stats]") {
    Histogram histogram;
    histogram.record(-5);
    histogram.record(std::numeric_limits<std::int64_t>::max());
    CHECK(histogram.count() == 2);
    CHECK(histogram.percentile_ns(0.5) == 0);
    CHECK(histogram.max_ns() == Histogram::highest_ns);
}

TEST_CASE("an empty histogram answers zero", "[base][stats]") {
    const Histogram histogram;
    CHECK(histogram.percentile_ns(0.99) == 0);
    CHECK(histogram.mean_ns() == 0);
    CHECK(histogram.count() == 0);
}

TEST_CASE("hgrm text ends at the maximum and counts everything", "[base][stats]") {
    Histogram histogram;
    for (int us = 1; us <= 1000; ++us) histogram.record(us * 1000);
    const std::string text = qck::stats::to_hgrm(histogram);
    CHECK(text.find("1000.000 1.000000000000       1000\n") != std::string::npos);
    CHECK(text.find("Total count    =         1000]") != std::string::npos);
}
