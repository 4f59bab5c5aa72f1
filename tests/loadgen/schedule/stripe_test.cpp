#include "loadgen/schedule/stripe.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.hpp"
#include "loadgen/schedule/arrival_schedule.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using schedule::Stripe;

namespace {

std::vector<std::uint64_t> first_of(Stripe stripe, std::uint64_t end) {
    std::vector<std::uint64_t> all;
    for (; stripe.n() < end; stripe.advance()) all.push_back(stripe.n());
    return all;
}

}  // namespace

TEST_CASE("a stripe begins at its first request and goes round", "[loadgen][schedule]") {
    CHECK(first_of(Stripe({1, 4}, 6), 14) == std::vector<std::uint64_t>{1, 4, 7, 10, 13});
    CHECK(first_of(Stripe({1, 4}, 6, 5), 14) == std::vector<std::uint64_t>{7, 10, 13});
    CHECK(first_of(Stripe({1, 4}, 6, 10), 14) == std::vector<std::uint64_t>{10, 13});
    CHECK(first_of(Stripe({}, 6), 1000).empty());
    CHECK(first_of(Stripe::of(2, 3), 9) == std::vector<std::uint64_t>{2, 5, 8});
}

TEST_CASE("shares of any capacities cover every request once, however often they change hands",
          "[loadgen][schedule]") {
    constexpr std::uint64_t end = 5'000;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        SplitMix64 random(seed);
        const auto weights_of = [&](std::size_t count) {
            std::vector<double> weights;
            for (std::size_t at = 0; at < count; ++at) {
                const double weight = random.next_share();
                weights.push_back(random.next() % 5 == 0 ? 0 : weight * weight * 1000);
            }
            return weights;
        };
        struct Held {
            Stripe stripe;
            std::uint64_t end;
            std::size_t owner;
        };
        const auto period = static_cast<std::uint32_t>(1 + random.next() % 300);
        std::size_t owners = 1 + random.next() % 6;
        std::vector<Held> held;
        const auto give = [&](const std::vector<std::uint32_t>& lanes, std::uint64_t first) {
            const auto shares = schedule::share_lanes(lanes, weights_of(owners));
            for (std::size_t at = 0; at < owners; ++at) {
                held.push_back({Stripe(shares[at], period, first), end, at});
            }
        };
        give(schedule::all_lanes(period), 0);
        std::uint64_t now = 0;
        for (; owners > 1; --owners) {
            now += random.next() % 1500;
            const std::size_t before = held.size();
            for (std::size_t at = 0; at < before; ++at) {
                if (held[at].owner != owners - 1 || held[at].end != end) continue;
                // Copied out: give() makes the vector grow.
                const Stripe lost = held[at].stripe;
                held[at].end = std::max(now, lost.first());
                --owners;
                give(lost.lanes(), held[at].end);
                ++owners;
            }
        }
        std::map<std::uint64_t, int> times;
        std::uint64_t counted = 0;
        for (const Held& one : held) {
            counted += one.stripe.count_below(std::min(one.end, end));
            // Split among threads, as the engine does.
            const auto threads = static_cast<std::uint32_t>(1 + random.next() % 4);
            for (std::uint32_t thread = 0; thread < threads; ++thread) {
                for (const std::uint64_t n :
                     first_of(one.stripe.part(thread, threads), std::min(one.end, end))) {
                    ++times[n];
                }
            }
        }
        CHECK(counted == end);
        CHECK(times.size() == end);
        CHECK(std::all_of(times.begin(), times.end(), [](const auto& n) { return n.second == 1; }));
    }
}

TEST_CASE("lanes are interleaved, so that nobody has many at a stretch", "[loadgen][schedule]") {
    const std::vector<double> weights{5, 3, 1};
    const auto shares = schedule::share_lanes(schedule::all_lanes(900), weights);
    for (std::size_t who = 0; who < weights.size(); ++who) {
        CHECK(shares[who].size() == static_cast<std::size_t>(weights[who] * 100));
        for (std::size_t at = 0; at < shares[who].size(); ++at) {
            const double even = static_cast<double>(at) * 9 / weights[who];
            CHECK(std::abs(shares[who][at] - even) < 9);
        }
    }
}

TEST_CASE("a schedule that takes a stripe over goes on in order, late or not",
          "[loadgen][schedule]") {
    scenario::Phase phase;
    phase.name = "a";
    phase.rate_from_per_s = phase.rate_to_per_s = 100;
    phase.duration = std::chrono::seconds(1);
    const std::vector<scenario::Phase> phases{phase, phase, phase};
    const schedule::RateCurve curve(phases);
    for (const auto arrival : {scenario::Arrival::uniform, scenario::Arrival::poisson}) {
        schedule::ArrivalSchedule mine(curve, arrival, 1, Stripe({0}, 2));
        schedule::DueTimes due(curve, arrival, 1);
        std::map<std::uint64_t, int> times;
        std::uint64_t last = 0;
        const auto take = [&](std::size_t count) {
            for (std::size_t at = 0; at < count; ++at) {
                const auto next = mine.next();
                if (!next) return;
                ++times[next->n];
                last = next->n;
                CHECK(next->phase == curve.phase_of(next->n));
                CHECK(next->due_ns == due.due_ns(next->phase, next->n));
            }
        };
        take(120);  // up to 238, in the third phase
        mine.add(Stripe({1}, 2, 150));
        take(40);
        CHECK(last == 229);
        take(1000);
        CHECK(times.size() == 150 + 75);
        mine.add(Stripe({1}, 2, 100));
    }
}

TEST_CASE("the first request that is due at a time is found for both kinds of arrivals",
          "[loadgen][schedule]") {
    scenario::Phase phase;
    phase.name = "a";
    phase.rate_from_per_s = phase.rate_to_per_s = 777;
    phase.duration = std::chrono::seconds(3);
    const std::vector<scenario::Phase> phases{phase, phase};
    const schedule::RateCurve curve(phases);
    for (const auto arrival : {scenario::Arrival::uniform, scenario::Arrival::poisson}) {
        schedule::DueTimes due(curve, arrival, 9);
        for (std::int64_t at = 0; at < 6'100'000'000; at += 97'000'001) {
            const std::uint64_t n = due.first_due_at(at);
            const auto due_of = [&](std::uint64_t which) {
                return due.due_ns(static_cast<std::uint32_t>(curve.phase_of(which)), which);
            };
            if (n < curve.total()) CHECK(due_of(n) >= at);
            if (n > 0) CHECK(due_of(n - 1) < at);
        }
    }
}
