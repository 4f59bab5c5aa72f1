#include <cmath>
#include <map>
#include <vector>

#include "loadgen/schedule/request_mix.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using schedule::RequestMix;

namespace {

constexpr std::uint64_t draws = 200'000;

double share(std::uint64_t count) { return static_cast<double>(count) / draws; }

scenario::Plan mixed_plan() {
    scenario::Plan plan;
    scenario::RequestKind redirect;
    redirect.weight = 3;
    scenario::RequestKind create;
    create.weight = 1;
    create.method = http::Method::post;
    create.path = "/v1/links";
    create.body = "{}";
    plan.requests = {redirect, create};
    plan.links.hot_share = 0.5;
    plan.links.tail_count = 1000;
    plan.unknown_share = 0.1;
    plan.head_share = 0.2;
    plan.bot_share = 0.3;
    return plan;
}

}  // namespace

TEST_CASE("shares of a mix come out as asked", "[loadgen][schedule]") {
    const RequestMix mix(mixed_plan());
    CHECK_FALSE(mix.always_same());
    std::uint64_t redirects = 0, unknown = 0, hot = 0, heads = 0, bots = 0, head_posts = 0;
    for (std::uint64_t n = 0; n < draws; ++n) {
        const schedule::Choice choice = mix.choose(n);
        if (choice.bot) ++bots;
        if (choice.kind == 1) {
            if (choice.head) ++head_posts;
            REQUIRE(choice.link == scenario::link_none);
            continue;
        }
        ++redirects;
        if (choice.head) ++heads;
        if (choice.link == scenario::link_unknown) ++unknown;
        if (choice.link == scenario::link_hot) ++hot;
        const bool known = choice.link <= 1000 || choice.link == scenario::link_unknown;
        REQUIRE(known);
    }
    CHECK(share(redirects) == Approx(0.75).margin(0.01));
    CHECK(share(unknown) == Approx(0.075).margin(0.005));
    CHECK(share(hot) == Approx(0.75 * 0.9 * 0.5).margin(0.01));
    CHECK(share(heads) == Approx(0.75 * 0.2).margin(0.01));
    CHECK(share(bots) == Approx(0.3).margin(0.01));
    CHECK(head_posts == 0);
}

TEST_CASE("the tail follows Zipf's law", "[loadgen][schedule]") {
    scenario::Plan plan;
    plan.requests = {scenario::RequestKind{}};
    plan.links.hot_share = 0;
    plan.links.tail_count = 100;
    plan.links.zipf_exponent = 1;
    const RequestMix mix(plan);
    std::map<std::uint32_t, std::uint64_t> counts;
    for (std::uint64_t n = 0; n < draws; ++n) ++counts[mix.choose(n).link];
    double sum = 0;
    for (int rank = 1; rank <= 100; ++rank) sum += 1.0 / rank;
    for (const std::uint32_t rank : {1U, 2U, 5U, 20U, 100U}) {
        CAPTURE(rank);
        const double expected = 1 / (rank * sum);
        const double deviation = std::sqrt(expected * (1 - expected) / draws);
        CHECK(std::fabs(share(counts[rank]) - expected) < 5 * deviation);
    }
}

TEST_CASE("what a request is depends on the seed and its index alone", "[loadgen][schedule]") {
    scenario::Plan plan = mixed_plan();
    const RequestMix one(plan);
    const RequestMix same(plan);
    plan.seed = 2;
    const RequestMix other(plan);
    std::uint64_t different = 0;
    for (std::uint64_t n = 0; n < 1000; ++n) {
        REQUIRE(one.choose(n) == same.choose(n));
        if (!(one.choose(n) == other.choose(n))) ++different;
    }
    CHECK(different > 500);
}

TEST_CASE("one request without shares is known to be always the same", "[loadgen][schedule]") {
    scenario::Plan plan;
    plan.requests = {scenario::RequestKind{}};
    CHECK(RequestMix(plan).always_same());
    plan.bot_share = 0.1;
    CHECK_FALSE(RequestMix(plan).always_same());
}
