#include "base/stats/histogram.hpp"

#include <array>
#include <cstdio>

namespace qck::stats {
namespace {

double standard_deviation_ns(const Histogram& histogram, double mean, std::uint64_t total) {
    double squares = 0;
    histogram.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        const double distance = static_cast<double>(top_ns) - mean;
        squares += distance * distance * static_cast<double>(count);
    });
    return total == 0 ? 0 : std::sqrt(squares / static_cast<double>(total));
}

template <class... Args>
void append(std::string& text, const char* format, Args... args) {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), format, args...);
    text += line.data();
}

}  // namespace

std::string to_hgrm(const Histogram& histogram) {
    std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
    const std::uint64_t total = histogram.count();
    std::uint64_t seen = 0;
    std::uint64_t rows = 0;
    // Ten rows for each halving of what is left above, as HdrHistogram prints them; every value
    // that is worth a row shows the rank it really has.
    double next_share = 0;
    histogram.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        seen += count;
        const double share = static_cast<double>(seen) / static_cast<double>(total);
        if (share < next_share && seen != total) return;
        ++rows;
        const double value_us = static_cast<double>(top_ns) / 1000;
        if (seen == total) {
            append(text, "%12.3f %14.12f %10llu\n", value_us, 1.0,
                   static_cast<unsigned long long>(seen));
            return;
        }
        append(text, "%12.3f %14.12f %10llu %14.2f\n", value_us, share,
               static_cast<unsigned long long>(seen), 1 / (1 - share));
        next_share = share + (1 - share) / 10;
    });
    const double mean = histogram.mean_ns();
    append(text, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean / 1000,
           standard_deviation_ns(histogram, mean, total) / 1000);
    append(text, "#[Max     = %12.3f, Total count    = %12llu]\n",
           static_cast<double>(histogram.max_ns()) / 1000, static_cast<unsigned long long>(total));
    append(text, "#[Buckets = %12u, SubBuckets     = %12u]\n", 32U, 2048U);
    return text;
}

}  // namespace qck::stats
