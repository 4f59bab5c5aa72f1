#include "services/cache/l1_cache.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "tests/support/catch.hpp"

using namespace qck;
using cache::L1Cache;
using cache::L1Entry;

namespace {

links::Link link(const std::string& code, std::uint64_t version = 1,
                 const std::string& target = "https://example.com/") {
    links::Link made;
    made.id = std::hash<std::string>{}(code) | 1;
    made.code = code;
    made.target = target;
    made.version = version;
    return made;
}

}  // namespace

TEST_CASE("an entry holds the whole response but for its date", "[cache]") {
    L1Cache cache(1 << 20, 7);
    links::Link permanent = link("abc");
    permanent.status = 301;
    permanent.max_age_s = 60;
    REQUIRE(cache.put(permanent, 0));
    const L1Entry* const entry = cache.find("abc", 0);
    REQUIRE(entry != nullptr);
    CHECK(entry->link_id == permanent.id);
    CHECK(entry->head() ==
          "HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.com/\r\n"
          "Cache-Control: public, max-age=60\r\nX-Robots-Tag: noindex\r\nContent-Length: "
          "0\r\nDate: ");
    CHECK(cache.find("abd", 0) == nullptr);
}

TEST_CASE("an entry never gives way to an older version", "[cache][P4]") {
    L1Cache cache(1 << 20, 7);
    REQUIRE(cache.put(link("a", 5, "https://new.example/"), 10));
    CHECK_FALSE(cache.put(link("a", 4, "https://old.example/"), 20));
    CHECK_FALSE(cache.put_absent("a", 4, 20, 1'000));
    CHECK(cache.find("a", 0)->head().find("new.example") != std::string_view::npos);

    REQUIRE(cache.put_absent("a", 6, 20, 1'000));
    CHECK_FALSE(cache.put(link("a", 5), 30));
    CHECK(cache.find("a", 0)->kind == L1Entry::Kind::absent);
    REQUIRE(cache.put(link("a", 7), 30));
    CHECK(cache.find("a", 0)->kind == L1Entry::Kind::link);
}

TEST_CASE("a tombstone keeps older versions out for ten minutes, not for ever", "[cache]") {
    constexpr std::int64_t minute_ns = 60'000'000'000;
    L1Cache cache(1 << 20, 7);
    REQUIRE(cache.put_absent("a", 6, 20, 500));
    // Lookups that find nothing do not make it younger.
    REQUIRE(cache.put_absent("a", 0, 9 * minute_ns, 10 * minute_ns));
    CHECK_FALSE(cache.put(link("a", 1), 9 * minute_ns));
    SECTION("the store has forgotten it, and the code is used again") {
        REQUIRE(cache.put(link("a", 1), 11 * minute_ns));
        CHECK(cache.find("a", 11 * minute_ns)->kind == L1Entry::Kind::link);
    }
    SECTION("a newer tombstone keeps out for ten minutes of its own") {
        REQUIRE(cache.put_absent("a", 8, 9 * minute_ns, 10 * minute_ns));
        CHECK_FALSE(cache.put(link("a", 7), 11 * minute_ns));
    }
    SECTION("a lookup that finds nothing at all is believed after that") {
        REQUIRE(cache.put_absent("a", 0, 11 * minute_ns, 12 * minute_ns));
        REQUIRE(cache.put(link("a", 1), 11 * minute_ns));
    }
}

TEST_CASE("a tombstone that went stale refuses older versions still", "[cache][P4]") {
    L1Cache cache(1 << 20, 7);
    REQUIRE(cache.put(link("a", 5), 10));
    REQUIRE(cache.put_absent("a", 6, 20, 500));
    CHECK(cache.find("a", 600) == nullptr);
    REQUIRE(cache.find_any("a") != nullptr);
    CHECK_FALSE(cache.put(link("a", 5), 600));
    REQUIRE(cache.put_absent("a", 0, 700, 1'000));
    CHECK(cache.find("a", 900)->version == 6);
}

TEST_CASE("that there is no link replaces only what was read before", "[cache][P4]") {
    L1Cache cache(1 << 20, 7);
    REQUIRE(cache.put(link("a", 5), 10));
    CHECK_FALSE(cache.put_absent("a", 0, 10, 500));
    REQUIRE(cache.put_absent("a", 0, 20, 500));
    CHECK(cache.find("a", 100)->kind == L1Entry::Kind::absent);
    CHECK_FALSE(cache.put(link("a", 4), 30));
}

TEST_CASE("reading a link again keeps its entry and makes it younger", "[cache]") {
    L1Cache cache(1 << 20, 7);
    REQUIRE(cache.put(link("a", 5), 10));
    const L1Entry* const entry = cache.find("a", 0);
    REQUIRE(cache.put(link("a", 5), 30));
    CHECK(cache.find("a", 0) == entry);
    CHECK(entry->loaded_at_ns == 30);
    CHECK(cache.entries() == 1);
    cache.postpone_refresh("a", 77);
    CHECK(entry->refresh_at_ns == 77);
}

TEST_CASE("an absent code is remembered until it is stale", "[cache]") {
    L1Cache cache(1 << 20, 7);
    REQUIRE(cache.put_absent("nobody", 0, 0, 500));
    CHECK(cache.find("nobody", 499) != nullptr);
    CHECK(cache.find("nobody", 500) == nullptr);
}

TEST_CASE("what is asked for often survives a scan of what is asked for once", "[cache]") {
    L1Cache cache(256 * 1024, 7);
    for (int i = 0; i < 50; ++i) REQUIRE(cache.put(link("hot" + std::to_string(i)), 0));
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 50; ++i) cache.find("hot" + std::to_string(i), 0);
    }
    for (int i = 0; i < 20'000; ++i) cache.put(link("cold" + std::to_string(i)), 0);
    int kept = 0;
    for (int i = 0; i < 50; ++i)
        kept += cache.find("hot" + std::to_string(i), 0) != nullptr ? 1 : 0;
    CHECK(kept == 50);
}

TEST_CASE("random use agrees with a model and stays within its bytes", "[cache]") {
    const auto seed = GENERATE(1U, 2U, 3U);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    L1Cache cache(128 * 1024, seed);
    std::map<std::string, std::uint64_t> newest;
    for (int step = 0; step < 60'000; ++step) {
        const std::string code = "c" + std::to_string(random() % 2'000);
        if (random() % 3 == 0) {
            const std::uint64_t version = 1 + random() % 50;
            const bool put =
                cache.put(link(code, version, "https://v.example/" + std::to_string(version)), 0);
            if (put) newest[code] = version;
        } else if (const L1Entry* const entry = cache.find(code, 0)) {
            REQUIRE(entry->code() == code);
            REQUIRE(entry->version == newest.at(code));
            REQUIRE(entry->head().find("https://v.example/" + std::to_string(entry->version) +
                                       "\r\n") != std::string_view::npos);
        }
        REQUIRE(cache.bytes() <= 128 * 1024);
    }
    CHECK(cache.entries() > 100);
}

TEST_CASE("a pinned link is not evicted, whatever else is asked for", "[cache][V10]") {
    L1Cache cache(64 * 1024, 7);
    REQUIRE(cache.pin("later", cache::PinReason::mode));  // it need not be here yet
    REQUIRE(cache.put(link("popular"), 0));
    REQUIRE(cache.pin("popular", cache::PinReason::popular));
    REQUIRE(cache.pin("popular", cache::PinReason::mode));
    REQUIRE(cache.put(link("later"), 0));
    const auto flood = [&](const std::string& prefix) {
        for (int n = 0; n < 2'000; ++n) {
            const std::string code = prefix + std::to_string(n);
            REQUIRE(cache.put(link(code), 0));
            cache.find(code, 0);
            cache.find(code, 0);
            CHECK(cache.bytes() <= 64 * 1024);
        }
    };
    flood("a");
    CHECK(cache.find_any("popular") != nullptr);
    CHECK(cache.find_any("later") != nullptr);
    CHECK(cache.pinned_entries() == 2);
    REQUIRE(cache.put(link("popular", 2, "https://new.example/"), 0));
    flood("b");
    REQUIRE(cache.find_any("popular") != nullptr);
    CHECK(cache.find_any("popular")->version == 2);
    cache.unpin("popular", cache::PinReason::mode);
    flood("c");
    CHECK(cache.find_any("popular") != nullptr);  // the other reason holds
    cache.unpin("popular", cache::PinReason::popular);
    cache.unpin("later", cache::PinReason::mode);
    CHECK(cache.pinned_entries() == 0);
    flood("d");
    CHECK(cache.find_any("popular") == nullptr);
    CHECK(cache.find_any("later") == nullptr);
}

TEST_CASE("pinned links take half of the bytes at most, and a pinned link that went is gone",
          "[cache][V10]") {
    L1Cache cache(64 * 1024, 7);
    int refused = 0;
    for (int n = 0; n < 1'000; ++n) {
        const std::string code = "p" + std::to_string(n);
        REQUIRE(cache.put(link(code), 0));
        refused += cache.pin(code, cache::PinReason::asked) ? 0 : 1;
    }
    CHECK(refused > 0);
    CHECK(cache.pinned_entries() > 50);
    CHECK(cache.bytes() <= 64 * 1024);
    const auto pinned = cache.pinned_entries();
    REQUIRE(cache.put_absent("p0", 5, 10, 1'000));
    CHECK(cache.pinned_entries() == pinned - 1);
    CHECK(cache.find_any("p0")->kind == L1Entry::Kind::absent);
}

TEST_CASE("what is dropped is gone whatever its version, and its pin waits for it", "[cache]") {
    L1Cache cache(1 << 20, 7);
    CHECK_FALSE(cache.drop("a"));
    REQUIRE(cache.put(link("a", 5), 0));
    REQUIRE(cache.pin("a", cache::PinReason::asked));
    CHECK(cache.drop("a"));
    CHECK(cache.find_any("a") == nullptr);
    CHECK(cache.bytes() == 0);
    CHECK(cache.pinned_entries() == 0);
    REQUIRE(cache.put(link("a", 4), 0));
    CHECK(cache.pinned_entries() == 1);
}

TEST_CASE("times of reading are those of all links, or of a bounded sample", "[cache]") {
    L1Cache cache(64 << 20, 7);
    cache.put_absent("none", 0, 1, 100);
    cache.put(link("new"), 30);
    cache.put(link("old"), 20);
    CHECK(cache.load_times(4096) == std::vector<std::int64_t>{20, 30});
    for (int n = 0; n < 20'000; ++n) cache.put(link("c" + std::to_string(n)), n);
    const auto sampled = cache.load_times(1000);
    CHECK(sampled.size() > 100);
    CHECK(sampled.size() <= 1000 + 24);
    CHECK(std::is_sorted(sampled.begin(), sampled.end()));
}
