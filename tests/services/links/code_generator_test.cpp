#include "services/links/code_generator.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <thread>
#include <unordered_set>
#include <vector>

#include "services/links/link_rules.hpp"
#include "tests/support/catch.hpp"

using namespace qck::links;

TEST_CASE("ids of many threads are all different and grow on each", "[links][ids]") {
    SnowflakeIds ids(7);
    constexpr std::size_t per_thread = 50'000;
    std::vector<std::vector<std::uint64_t>> taken(4);
    std::vector<std::thread> threads;
    for (auto& mine : taken) {
        threads.emplace_back([&ids, &mine] {
            mine.reserve(per_thread);
            for (std::size_t i = 0; i < per_thread; ++i) mine.push_back(ids.next());
        });
    }
    for (auto& thread : threads) thread.join();
    std::vector<std::uint64_t> all;
    for (const auto& mine : taken) {
        CHECK(std::is_sorted(mine.begin(), mine.end()));
        all.insert(all.end(), mine.begin(), mine.end());
    }
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("ids go on growing when the clock stands still or steps back", "[links][ids]") {
    std::int64_t now_ms = SnowflakeIds::epoch_ms + 1'000'000;
    SnowflakeIds ids(0, 0, [&now_ms] { return now_ms; });
    std::uint64_t last = 0;
    for (int i = 0; i < 30'000; ++i) {
        if (i == 10'000) now_ms -= 500'000;
        if (i == 20'000) now_ms += 3'600'000;
        const auto id = ids.next();
        REQUIRE(id > last);
        last = id;
    }
    CHECK(last >> 22 == 4'100'000 + 9'999 / 4096);
}

TEST_CASE("ids carry milliseconds, node and sequence", "[links][ids]") {
    SnowflakeIds ids(1023, 0, [] { return SnowflakeIds::epoch_ms + 5; });
    const auto first = ids.next();
    CHECK(first == ((5ULL << 22) | (1023ULL << 12)));
    CHECK(ids.next() == first + 1);
}

TEST_CASE("ids begin after the greatest one stored, whatever the clock says", "[links][ids]") {
    const auto clock = [] { return SnowflakeIds::epoch_ms + 5; };
    const std::uint64_t greatest = (1'000'000ULL << 22) | (3ULL << 12) | 4095;
    SnowflakeIds ids(3, greatest, clock);
    CHECK(ids.next() > greatest);
    SnowflakeIds at_the_beginning(0, 0, [] { return std::int64_t{0}; });
    CHECK(at_the_beginning.next() != 0);
}

TEST_CASE("nodes never give the same id", "[links][ids]") {
    const auto clock = [] { return SnowflakeIds::epoch_ms + 5; };
    SnowflakeIds one(1, 0, clock);
    SnowflakeIds two(2, 0, clock);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 10'000; ++i) {
        CHECK(seen.insert(one.next()).second);
        CHECK(seen.insert(two.next()).second);
    }
}

TEST_CASE("random codes are valid, different and use every letter evenly", "[links][codes]") {
    RandomCodes codes;
    std::unordered_set<std::string> seen;
    std::array<int, 128> used{};
    constexpr int count = 100'000;
    for (int i = 0; i < count; ++i) {
        const auto code = codes.next();
        REQUIRE(code.size() == RandomCodes::code_bytes);
        REQUIRE(check_code(code).has_value());
        REQUIRE(seen.insert(code).second);
        for (const char c : code) ++used[static_cast<std::size_t>(c)];
    }
    // Mean 11,290 a letter, standard deviation 105: six of them are beyond luck.
    const auto letters = std::count_if(used.begin(), used.end(), [](int n) { return n > 0; });
    CHECK(letters == 62);
    for (const int n : used) {
        if (n > 0) CHECK(std::abs(n - count * 7 / 62) < 700);
    }
}
