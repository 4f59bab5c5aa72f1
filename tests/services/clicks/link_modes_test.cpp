#include "services/clicks/link_modes.hpp"

#include <mutex>

#include "services/clicks/alert_queue.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

using qck::test::eventually;

namespace {

/// What was told, from another thread.
struct ToldChanges {
    void operator()(const LinkModeChange& change) {
        const std::lock_guard lock(mutex);
        changes.push_back(change);
    }
    std::size_t count() {
        const std::lock_guard lock(mutex);
        return changes.size();
    }
    std::mutex mutex;
    std::vector<LinkModeChange> changes;
};

void land(LinkModes& modes, std::uint64_t link, std::uint64_t clicks, bool behind = false) {
    CountBatch batch;
    batch.clicks = {{link, 1, 0, ClickClass::human, clicks - 1}, {link, 1, 1, ClickClass::bot, 1}};
    const std::vector<ProducerCursor> cursors;
    modes.landed({batch, cursors, 1, 100'000'000, behind});
}

}  // namespace

TEST_CASE("a link whose clicks pass a threshold changes its mode, and listeners are told its code",
          "[clicks][modes]") {
    const qck::test::SilentLog silent;
    LinkModesConfig config;
    config.every = 2ms;
    config.codes_of = [](std::span<const std::uint64_t> links) {
        std::vector<std::string> codes;
        for (const std::uint64_t link : links) codes.push_back("code" + std::to_string(link));
        return codes;
    };
    LinkModes modes(config);
    ToldChanges told;
    modes.listen([&](const LinkModeChange& change) { told(change); });
    modes.start();
    modes.began({}, 0);
    land(modes, 7, 50'000, true);  // a backlog: of any time
    land(modes, 7, 50'000);        // the rest of it
    CHECK(modes.mode_of(7) == LinkMode::normal);
    land(modes, 7, 2'000);
    land(modes, 0, 50'000);  // unknown codes are no link
    CHECK(eventually([&] { return told.count() == 1; }));
    CHECK(told.changes[0].code == "code7");
    CHECK(told.changes[0].to == LinkMode::elevated);
    CHECK(modes.suppresses_postgres(7));
    CHECK(modes.in_burst().empty());
    CHECK_FALSE(modes.suppresses_postgres(8));
    land(modes, 7, 20'000);
    CHECK(eventually([&] { return modes.mode_of(7) == LinkMode::burst; }));
    CHECK(eventually([&] { return told.count() == 2; }));
    const auto standings = modes.standings();
    REQUIRE(standings.size() == 1);
    CHECK(standings[0].code == "code7");
    CHECK(modes.figures().links[2] == 1);
    CHECK(modes.figures().entered[1] == 1);
}

TEST_CASE("an operator sets a mode and gives it back", "[clicks][modes]") {
    const qck::test::SilentLog silent;
    LinkModesConfig config;
    config.every = 1h;  // set modes are announced at once all the same
    LinkModes modes(config);
    ToldChanges told;
    modes.listen([&](const LinkModeChange& change) { told(change); });
    modes.start();
    REQUIRE(modes.force(9, "nine", LinkMode::burst).has_value());
    CHECK(modes.in_burst() == std::vector<std::uint64_t>{9});
    CHECK(eventually([&] { return told.count() == 1; }));
    CHECK(told.changes[0].forced);
    REQUIRE(modes.force(9, "nine", std::nullopt).has_value());
    CHECK(modes.mode_of(9) == LinkMode::normal);
    CHECK(eventually([&] { return told.count() == 2; }));
    CHECK(told.changes[1].code == "nine");
    REQUIRE(modes.force(9, "nine", LinkMode::normal).has_value());
    CHECK(modes.standings().size() == 1);
    REQUIRE(modes.force(9, "nine", std::nullopt).has_value());
    CHECK(modes.standings().empty());
}

TEST_CASE("alerts are tried again, in order, and given up when there are too many",
          "[clicks][modes]") {
    const qck::test::SilentLog silent;
    std::mutex mutex;
    std::vector<std::string> got;
    int failures = 3;
    AlertQueueConfig config;
    config.backoff = {1ms, 2ms};
    config.alerts_max = 2;
    bool open = false;
    AlertQueue alerts(
        [&](const std::string& json) -> Result<void> {
            const std::lock_guard lock(mutex);
            if (!open || failures-- > 0) return error(Errc::unavailable, "not now");
            got.push_back(json);
            return {};
        },
        config);
    alerts.push({1, "a", LinkMode::normal, LinkMode::burst, 20'000.5, false}, 1'780'000'000'123);
    CHECK(eventually([&] { return alerts.given_up() == 1; }));
    for (std::uint64_t link = 2; link <= 6; ++link) {
        alerts.push({link, "b", LinkMode::normal, LinkMode::elevated, 2'000, true}, 0);
    }
    CHECK(eventually([&] { return alerts.given_up() >= 3; }));
    {
        const std::lock_guard lock(mutex);
        open = true;
    }
    alerts.push({9, "last", LinkMode::burst, LinkMode::normal, 0, false}, 1'780'000'000'123);
    CHECK(eventually([&] {
        const std::lock_guard lock(mutex);
        return !got.empty() && got.back().find("last") != std::string::npos;
    }));
    CHECK(
        got.back() ==
        "{\"event\":\"link_mode\",\"code\":\"last\",\"link_id\":\"9\",\"from\":\"burst\",\"to\":"
        "\"normal\",\"clicks_per_s\":0,\"forced\":false,\"time\":\"2026-05-28T20:26:40.123Z\"}\n");
}
