#include "services/links/outbox_drain.hpp"

#include <map>

#include "tests/support/catch.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::links;
using namespace std::chrono_literals;

namespace {

struct MemoryOutbox final : LinkOutbox {
    Result<std::vector<NotedChange>> noted(std::chrono::milliseconds, std::size_t limit) override {
        ++looks;
        if (down) return error(Errc::unavailable, "the store is down");
        std::vector<NotedChange> changes;
        for (const auto& [code, version] : rows) {
            if (changes.size() < limit) changes.push_back({code, version, {}, version});
        }
        return changes;
    }
    Result<void> forget(std::span<const VersionOfCode> told) override {
        if (down) return error(Errc::unavailable, "the store is down");
        for (const auto& one : told) {
            const auto row = rows.find(one.code);
            if (row != rows.end() && row->second <= one.version) rows.erase(row);
        }
        return {};
    }
    std::map<std::string, std::uint64_t> rows;
    bool down = false;
    int looks = 0;
};

struct Draining {
    Draining() {
        OutboxDrainConfig config;
        config.now = [this] { return now_ns; };
        drain = std::make_unique<OutboxDrain>(
            outbox, [this](const NotedChange& change) { told.push_back(change.code); }, config);
    }
    MemoryOutbox outbox;
    std::vector<std::string> told;
    std::int64_t now_ns = 0;
    std::unique_ptr<OutboxDrain> drain;
};

}  // namespace

TEST_CASE("what was left untold is told, and forgotten once the cache has it", "[links]") {
    Draining draining;
    draining.outbox.rows = {{"a", 2}, {"b", 5}};
    draining.drain->round();
    CHECK(draining.told == std::vector<std::string>{"a", "b"});
    CHECK(draining.outbox.rows.size() == 2);

    // Nobody asks again while the cache is away, until patience ends.
    draining.drain->round();
    CHECK(draining.outbox.looks == 1);
    draining.now_ns += 6'000'000'000;
    draining.drain->round();
    CHECK(draining.told.size() == 4);

    // The link is of another version now than the one that was noted.
    draining.drain->taken("a", 1);
    draining.drain->taken("b", 7);
    draining.outbox.rows["b"] = 8;
    draining.drain->round();
    CHECK(draining.outbox.rows.count("a") == 0);
    CHECK(draining.outbox.rows.count("b") == 1);
    CHECK(draining.drain->told() == 5);
}

TEST_CASE("what was told by who changed it is forgotten, when the store is back at last",
          "[links]") {
    const qck::test::SilentLog silent;
    Draining draining;
    draining.outbox.down = true;
    draining.drain->taken("mine", 2);
    draining.drain->taken("fresh", 1);
    draining.drain->round();
    draining.outbox.rows = {{"mine", 2}, {"fresh", 1}};
    draining.outbox.down = false;
    draining.drain->round();
    CHECK(draining.outbox.rows.count("mine") == 0);
    CHECK(draining.outbox.rows.count("fresh") == 1);  // was never noted, so nobody forgets it
}
