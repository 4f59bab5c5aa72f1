#include "base/stats/rank_test.hpp"

#include <cmath>
#include <vector>

#include "tests/support/catch.hpp"

using namespace qck::stats;

namespace {

RankTest of(const std::vector<double>& a, const std::vector<double>& b) {
    return mann_whitney(a, b);
}
bool near(double value, double expected) { return std::abs(value - expected) < 1e-9; }

}  // namespace

TEST_CASE("samples that do not overlap are as far apart as their sizes allow",
          "[stats][rank_test]") {
    // Two of the C(6, 3) = 20 ways to deal six ranks are as extreme.
    const auto three = of({1, 2, 3}, {4, 5, 6});
    CHECK(three.u == 0);
    CHECK(near(three.p, 2.0 / 20));
    CHECK(near(three.least_p, 2.0 / 20));
    const auto four = of({5, 6, 7, 8}, {1, 2, 3, 4});
    CHECK(four.u == 16);
    CHECK(near(four.p, 2.0 / 70));
    CHECK(near(of({1}, {2}).p, 1));
}

TEST_CASE("the exact p is that of the published tables", "[stats][rank_test]") {
    // n = m = 5, U = 2: the two-sided critical value for 0.05 (Mann and Whitney 1947, table I):
    // 4 of 252 ways have U <= 2 on either side.
    const auto five = of({1, 2, 3, 5, 6}, {4, 7, 8, 9, 10});
    CHECK(five.u == 2);
    CHECK(near(five.p, 2 * 4.0 / 252));
    // Hand-counted: ranks {1, 4} of four; sums 3 and 7 are further out, 4 … 6 are not.
    CHECK(near(of({1, 4}, {2, 3}).p, 1));
    CHECK(near(of({1, 3}, {2, 4}).p, 4.0 / 6));
}

TEST_CASE("equal values share their ranks", "[stats][rank_test]") {
    const auto equal = of({7, 7, 7}, {7, 7, 7, 7});
    CHECK(near(equal.u, 6));
    CHECK(near(equal.p, 1));
    CHECK(near(equal.least_p, 1));
    // Midranks 1.5, 1.5, 3.5, 3.5: of six ways to take two, one takes both low and one both high.
    const auto ties = of({1, 1}, {2, 2});
    CHECK(ties.u == 0);
    CHECK(near(ties.p, 2.0 / 6));
}

TEST_CASE("swapping the samples changes nothing but the side", "[stats][rank_test]") {
    const std::vector<double> a{3, 1, 4, 1, 5};
    const std::vector<double> b{9, 2, 6, 5, 3, 5};
    const auto one = of(a, b);
    const auto other = of(b, a);
    CHECK(near(one.p, other.p));
    CHECK(near(one.u + other.u, 30));
}

TEST_CASE("as many runs as there may be are compared at once", "[stats][rank_test]") {
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 100; ++i) {
        a.push_back(i);
        b.push_back(i + 30);
    }
    const auto test = of(a, b);
    CHECK(test.p < 1e-6);
    CHECK(test.p > 0);
    CHECK(std::isfinite(test.p));
}
