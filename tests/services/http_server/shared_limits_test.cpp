// Limits over several instances, by a simulated store and simulated time.
#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "base/clock.hpp"
#include "services/http_server/rate_limiter.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using http_server::LimitUse;
using http_server::RateLimit;
using http_server::RateLimiter;

namespace {

constexpr std::int64_t forever = INT64_MAX;

/// What Redis does.
class Ledger {
public:
    std::vector<std::int64_t> add(const std::vector<LimitUse>& uses, std::int64_t now_ns) {
        std::vector<std::int64_t> debts;
        for (const LimitUse& use : uses) {
            std::int64_t& due = due_[use.client];
            due = std::max(due, now_ns) + use.debt_ns;
            debts.push_back(due - now_ns);
        }
        return debts;
    }

private:
    std::map<std::uint64_t, std::int64_t> due_;
};

/// An instance whose exchanges take some time, and may fail after they were done.
struct Instance {
    Instance(const RateLimit& limit, std::uint64_t seed)
        : limiter({.limit = limit, .addresses_max = 1024, .seed = seed}) {}

    void exchange(Ledger& ledger, std::int64_t now_ns) {
        uses = limiter.uses(now_ns);
        debts = ledger.add(uses, now_ns);
        under_way = true;
    }
    void finish(std::int64_t now_ns) {
        limiter.told(uses, debts, now_ns);
        under_way = false;
    }

    RateLimiter limiter;
    std::vector<LimitUse> uses;
    std::vector<std::int64_t> debts;
    bool under_way = false;
    std::int64_t next_ns = 0;
};

/// Whether arrivals keep to `burst` at once and `rate_per_s` after, in every stretch of time.
class Bucket {
public:
    Bucket(double burst, double rate_per_s) : burst_(burst), rate_(rate_per_s) {}
    bool took(std::int64_t now_ns) {
        level_ = std::max(0.0, level_ - rate_ * static_cast<double>(now_ns - last_ns_) / 1e9) + 1;
        last_ns_ = now_ns;
        return level_ <= burst_ + 1;  // rounding of one request
    }

private:
    double burst_, rate_, level_ = 0;
    std::int64_t last_ns_ = 0;
};

net::Address client(int n) { return *net::parse_address("192.0.2." + std::to_string(n) + ":1"); }

struct Outcome {
    std::uint64_t admitted = 0;
    bool kept = true;
};

/// Clients come in bursts and trickles to random instances for ten periods.
Outcome simulate(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto any = [&](std::uint64_t least, std::uint64_t most) {
        return std::uniform_int_distribution<std::uint64_t>(least, most)(random);
    };
    const auto count = static_cast<std::uint32_t>(any(1, 6));
    const RateLimit limit{static_cast<std::uint32_t>(any(1, 300)),
                          std::chrono::seconds(any(1, 60))};
    const double ahead = std::max<double>(0.2, static_cast<double>(count) / limit.requests);
    const double rate = limit.requests / std::chrono::duration<double>(limit.period).count();

    Ledger ledger;
    std::vector<std::unique_ptr<Instance>> instances;
    std::vector<Bucket> buckets(4, Bucket(limit.requests * (1 + ahead), rate * (1 + ahead)));
    std::int64_t now_ns = 1'000 * second_ns;
    for (std::uint32_t i = 0; i < count; ++i) {
        instances.push_back(std::make_unique<Instance>(limit, any(0, UINT64_MAX)));
        instances.back()->limiter.join(count, now_ns, forever);
    }
    const std::int64_t end_ns = now_ns + 10 * limit.period.count();
    Outcome outcome;
    for (std::uint64_t step = 0; step < 4'000 && now_ns < end_ns; ++step) {
        now_ns += static_cast<std::int64_t>(any(0, 1) * any(1, 2 * limit.period.count() / 100));
        for (const auto& one : instances) {
            if (now_ns < one->next_ns) continue;
            if (one->under_way) {
                one->finish(now_ns);
                one->next_ns = now_ns + static_cast<std::int64_t>(any(1, 100'000'000));
            } else {
                one->exchange(ledger, now_ns);
                one->next_ns = now_ns + static_cast<std::int64_t>(any(1, 100'000'000));
            }
        }
        const std::size_t who = any(0, buckets.size() - 1);
        Instance& at = *instances[any(0, count - 1)];
        const std::uint64_t times = any(0, 9) == 0 ? any(1, 2 * limit.requests) : 1;
        for (std::uint64_t n = 0; n < times; ++n) {
            if (at.limiter.admit(client(static_cast<int>(who)), now_ns).count() > 0) continue;
            ++outcome.admitted;
            outcome.kept = outcome.kept && buckets[who].took(now_ns);
        }
    }
    return outcome;
}

}  // namespace

TEST_CASE("all instances together admit no more than the limit and the stated overshoot",
          "[http][M4]") {
    const std::uint64_t first = std::random_device()();
    INFO("seed " << first);
    std::uint64_t admitted = 0;
    for (std::uint64_t seed = first; seed < first + 1'000; ++seed) {
        const Outcome outcome = simulate(seed);
        INFO("history " << seed);
        REQUIRE(outcome.kept);
        admitted += outcome.admitted;
    }
    CHECK(admitted > 100'000);
}

TEST_CASE("a client that asks one of three instances gets its whole pace", "[http][M4]") {
    Ledger ledger;
    Instance busy({100, 1min}, 1);
    busy.limiter.join(3, 0, forever);
    std::int64_t now_ns = second_ns;
    std::uint64_t admitted = 0;
    for (; now_ns < 301 * second_ns; now_ns += 300'000'000) {  // twice the pace
        busy.exchange(ledger, now_ns);
        busy.finish(now_ns + 1'000'000);
        admitted += busy.limiter.admit(client(1), now_ns + 2'000'000).count() == 0;
    }
    CHECK(admitted >= 590);  // 100 at once, and 100 a minute for five
    CHECK(admitted <= 605);
}

TEST_CASE("a client that moves on to another instance is known there", "[http][M4]") {
    Ledger ledger;
    Instance here({100, 1min}, 1);
    Instance there({100, 1min}, 2);
    const auto ask = [&](Instance& one, int times) {
        int admitted = 0;
        for (int n = 0; n < times; ++n) {
            const std::int64_t now_ns = second_ns + n;
            admitted += one.limiter.admit(client(1), now_ns).count() == 0;
            one.exchange(ledger, now_ns);
            one.finish(now_ns);
        }
        return admitted;
    };
    for (Instance* const one : {&here, &there}) one->limiter.join(2, second_ns, forever);
    CHECK(ask(here, 1'000) <= 110);
    CHECK(ask(there, 1'000) <= 10);
    CHECK(here.limiter.held() == 0);
    // Others are not told of a client that asks little.
    Instance quiet({100, 1min}, 3);
    quiet.limiter.join(2, second_ns, forever);
    for (int n = 0; n < 5; ++n) quiet.limiter.admit(client(7), second_ns);
    CHECK(quiet.limiter.uses(second_ns).empty());
}

TEST_CASE("an instance with nobody to exchange with limits by itself, and joins without a grudge",
          "[http][M4][P5]") {
    Ledger ledger;
    Instance one({100, 1min}, 1);
    std::int64_t now_ns = second_ns;
    one.limiter.join(4, now_ns, now_ns + 300'000'000);
    CHECK(one.limiter.instances(now_ns) == 4);
    const auto burst = [&] {
        int admitted = 0;
        for (int n = 0; n < 1'000; ++n)
            admitted += one.limiter.admit(client(1), now_ns).count() == 0;
        return admitted;
    };
    CHECK(burst() == 5);
    CHECK(one.limiter.held() == 995);
    now_ns += 300'000'000;  // the exchange was good for so long
    CHECK_FALSE(one.limiter.joined(now_ns));
    CHECK(burst() == 95);
    now_ns += 120 * second_ns;
    CHECK(burst() == 100);
    CHECK(one.limiter.held() == 995);

    // What the client did then has been waited for; it is not brought up again.
    now_ns += 120 * second_ns;
    one.limiter.join(4, now_ns, forever);
    CHECK(burst() == 5);
    one.exchange(ledger, now_ns);
    REQUIRE(one.uses.size() == 1);
    CHECK(one.uses[0].debt_ns == 5 * second_ns * 6 / 10);
    one.finish(now_ns);
    CHECK(burst() == 5);

    // An exchange that fails is made again with the same.
    const auto lost = one.limiter.uses(now_ns);
    one.limiter.untold(lost);
    one.limiter.admit(client(1), now_ns);
    one.exchange(ledger, now_ns);
    REQUIRE(one.uses.size() == 1);
    CHECK(one.uses[0].debt_ns == lost[0].debt_ns);
}
