#include "services/ingest/recent_keys.hpp"

#include <deque>
#include <random>
#include <set>
#include <string>

#include "tests/support/catch.hpp"

using namespace qck;
using ingest::KeyHasher;
using ingest::RecentKeys;

namespace {

KeyHasher hasher(std::uint8_t first = 1) { return KeyHasher({first, 2, 3}); }

}  // namespace

TEST_CASE("the same id has the same key in every process that knows the secret", "[ingest][keys]") {
    CHECK(hasher().event_key("order-1") == hasher().event_key("order-1"));
    CHECK_FALSE(hasher().event_key("order-1") == hasher().event_key("order-2"));
    CHECK_FALSE(hasher().event_key("order-1") == hasher().click_key("order-1"));
    CHECK_FALSE(hasher().event_key("order-1") == hasher(9).event_key("order-1"));
    CHECK_FALSE(hasher().event_key("") == clicks::EventKey{});
}

TEST_CASE("P2: a key among the last of the horizon is recognised, whatever came between",
          "[ingest][keys]") {
    const auto seed = GENERATE(1U, 2U, 3U);
    CAPTURE(seed);
    constexpr std::size_t horizon = 1000;
    std::mt19937 random(seed);
    RecentKeys keys(horizon);
    std::deque<int> last;  // accepted, oldest first
    std::set<int> within;
    for (int step = 0; step < 50'000; ++step) {
        const int id = static_cast<int>(random() % 4000);
        keys.reserve(1);
        const bool fresh = keys.insert(hasher().event_key(std::to_string(id)));
        if (within.count(id) != 0) REQUIRE_FALSE(fresh);
        if (!fresh) continue;
        last.push_back(id);
        within.insert(id);
        if (last.size() > horizon) {
            within.erase(last.front());
            last.pop_front();
        }
    }
}

TEST_CASE("keys beyond the horizon are forgotten, so memory is bounded", "[ingest][keys]") {
    constexpr std::size_t horizon = 10'000;
    RecentKeys keys(horizon);
    for (int id = 0; id < 100'000; ++id) {
        keys.reserve(1);
        REQUIRE(keys.insert(hasher().event_key(std::to_string(id))));
    }
    CHECK(keys.size() >= horizon);
    CHECK(keys.size() <= 2 * horizon);
    CHECK(keys.bytes() <= 2 * (horizon * 4 / 3 + 1) * sizeof(clicks::EventKey));
    keys.reserve(1);
    CHECK(keys.insert(hasher().event_key("0")));
}

TEST_CASE("one request may bring more keys than the horizon holds", "[ingest][keys]") {
    RecentKeys keys(10);
    keys.reserve(5000);
    for (int id = 0; id < 5000; ++id) REQUIRE(keys.insert(hasher().event_key(std::to_string(id))));
    for (int id = 0; id < 5000; ++id) {
        REQUIRE_FALSE(keys.insert(hasher().event_key(std::to_string(id))));
    }
}
