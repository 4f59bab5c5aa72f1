#include <algorithm>
#include <map>

#include "services/reconcile/compare_minutes.hpp"
#include "services/reconcile/comparison_json.hpp"
#include "services/reconcile/journal_minutes.hpp"
#include "services/reconcile/weights.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/services/reconcile/rows_in_memory.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using reconcile::MinuteDigest;
using reconcile::MinuteScope;
using reconcile::test::Rows;

namespace {

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t hour_ms = 3'600'000;

/// Link 1 and 2 in turn, 100 clicks a minute.
void journal_minutes(const std::filesystem::path& path, int minutes) {
    auto data = take(DataDirectory::open(path, "test"));
    auto journal = take(Journal::open(*data, small_journal(2)));
    for (int n = 0; n < 100 * minutes; ++n) {
        REQUIRE(journal->shard(n % 2).append(
            click_on(1 + n / 2 % 2, ClickClass::human, some_time_ms + n / 100 * minute_ms)));
    }
}

reconcile::Request request_for(const std::filesystem::path& path, Rows& rows) {
    reconcile::Request request;
    request.data_dir = path;
    request.minutes = &rows;
    request.codes_of = [](std::span<const std::uint64_t> ids) {
        std::vector<std::string> codes;
        for (const std::uint64_t id : ids) codes.push_back("link" + std::to_string(id));
        return codes;
    };
    return request;
}

}  // namespace

TEST_CASE("rows that are those of the journal agree, across restarts", "[reconcile][minutes]") {
    const qck::test::TemporaryDirectory directory;
    for (int start = 0; start < 3; ++start) journal_minutes(directory.path(), 4);
    Rows rows;
    rows.copy_journal(directory.path());
    const auto request = request_for(directory.path(), rows);
    const auto result = take(reconcile::compare_minutes(request, std::nullopt, {}));
    CHECK(result.not_compared.empty());
    CHECK(result.clicks == 1'200);
    CHECK(result.last == result.first + 3);
    CHECK(result.differing == 0);
    const auto scope = take(reconcile::minute_scope(request, std::nullopt, {}));
    CHECK(scope.stretches.size() == 2);  // one a shard: epochs follow each other without a gap
}

TEST_CASE("a row that is missing, there twice or changed is named by link and minute",
          "[reconcile][minutes]") {
    const qck::test::TemporaryDirectory directory;
    journal_minutes(directory.path(), 5);
    Rows rows;
    rows.copy_journal(directory.path());
    const auto request = request_for(directory.path(), rows);
    const auto compared = [&] {
        return take(reconcile::compare_minutes(request, std::nullopt, {}));
    };
    const auto whole = rows.rows;
    const auto& row = whole[180];

    rows.rows.erase(rows.rows.begin() + 180);
    auto result = compared();
    CHECK(result.differing == 1);
    REQUIRE(result.drifts.size() == 1);
    CHECK(result.drifts[0].link_id == row.link_id);
    CHECK(result.drifts[0].minute == row.minute);
    CHECK(result.drifts[0].journal.clicks == 50);
    CHECK(result.drifts[0].store.clicks == 49);

    // Beside it another of the same link and minute twice: as many, but not the same.
    const auto twin = std::find_if(rows.rows.begin(), rows.rows.end(), [&](const auto& other) {
        return other.link_id == row.link_id && other.minute == row.minute;
    });
    rows.rows.push_back(*twin);
    result = compared();
    REQUIRE(result.drifts.size() == 1);
    CHECK(result.drifts[0].journal.clicks == result.drifts[0].store.clicks);
    CHECK(result.drifts[0].journal.hash != result.drifts[0].store.hash);

    rows.rows = whole;
    rows.rows[180].clicks = 2;
    CHECK(compared().drifts.size() == 1);

    // Others' rows, and those after the cursors, are none of it.
    rows.rows = whole;
    rows.rows.push_back({{0, 9, 5}, 77, 1, row.minute});
    CHECK(compared().differing == 0);
}

TEST_CASE("links that are held back or not asked for are not compared by the minute",
          "[reconcile][minutes]") {
    const qck::test::TemporaryDirectory directory;
    journal_minutes(directory.path(), 3);
    Rows rows;
    rows.copy_journal(directory.path());
    std::erase_if(rows.rows, [](const auto& row) { return row.link_id == 2; });
    auto request = request_for(directory.path(), rows);
    CHECK(take(reconcile::compare_minutes(request, std::nullopt, {})).differing == 3);
    const std::vector<std::uint64_t> held{2};
    const auto rest = take(reconcile::compare_minutes(request, std::nullopt, held));
    CHECK(rest.differing == 0);
    CHECK(rest.clicks == 150);
    request.links = {1};
    CHECK(take(reconcile::compare_minutes(request, std::nullopt, {})).differing == 0);
    request.links = {};
    request.since_ms = some_time_ms + minute_ms;  // within the second minute: from the third on
    CHECK(take(reconcile::compare_minutes(request, std::nullopt, {})).differing == 1);
}

TEST_CASE("where records are gone or damaged the rest is compared", "[reconcile][minutes]") {
    const qck::test::TemporaryDirectory directory;
    journal_minutes(directory.path(), 80);
    Rows rows;
    rows.copy_journal(directory.path());
    const auto request = request_for(directory.path(), rows);
    const auto segments = take(list_segments(directory.path() / "journal", 0));
    REQUIRE(segments.size() >= 3);
    std::filesystem::remove(segments[1].path(directory.path() / "journal"));
    const auto result = take(reconcile::compare_minutes(request, std::nullopt, {}));
    CHECK(result.differing == 0);
    CHECK(result.clicks < 8'000);
    CHECK(take(reconcile::minute_scope(request, std::nullopt, {})).stretches.size() == 3);
}

TEST_CASE("what has no records any more is missed as weights, by class and hour",
          "[reconcile][weights]") {
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path());
        for (int n = 0; n < 9'000; ++n) {
            const auto click_class = n % 3 == 0 ? ClickClass::bot : ClickClass::human;
            REQUIRE(service.journal->shard(0).append(
                click_on(1, click_class, some_time_ms + n / 3'000 * hour_ms)));
        }
        service.flush();
    }
    const auto segments = take(list_segments(directory.path() / "journal", 0));
    REQUIRE(segments.size() >= 5);
    std::filesystem::remove(segments[0].path(directory.path() / "journal"));
    std::filesystem::remove(segments[1].path(directory.path() / "journal"));
    auto store = take(sqlite::SqliteClickStore::open(
        directory.path() / "clicks.db", take(DataDirectory::peek(directory.path())).node));
    Rows rows;
    rows.copy_journal(directory.path());
    const auto kept = rows.rows.size();
    const auto request = request_for(directory.path(), rows);
    const std::vector<std::uint64_t> links{1};

    const auto weights = take(reconcile::older_missing(request, *store, links));
    std::uint64_t clicks = 0;
    std::uint64_t bots = 0;
    for (const auto& weight : weights) {
        CHECK(weight.hour == some_time_ms / hour_ms);
        clicks += weight.clicks;
        if (weight.click_class == ClickClass::bot) bots += weight.clicks;
    }
    CHECK(clicks == 9'000 - kept);
    CHECK(bots == clicks / 3 + (clicks % 3 > 0 ? 1 : 0));

    // Some of it is there; the rest is as much less, and with it nothing is missing.
    const auto add = [&](const reconcile::HourClicks& weight) {
        rows.rows.push_back({{reconcile::weight_shard, 1'780'000'000, rows.rows.size()},
                             5,
                             weight.link_id,
                             weight.hour * 60,
                             weight.clicks,
                             weight.click_class});
    };
    add({1, ClickClass::human, weights.front().hour, 100});
    const auto rest = take(reconcile::older_missing(request, *store, links));
    std::uint64_t left = 0;
    for (const auto& weight : rest) left += weight.clicks;
    CHECK(left == clicks - 100);
    for (const auto& weight : rest) add(weight);
    CHECK(take(reconcile::older_missing(request, *store, links)).empty());
    CHECK(take(reconcile::compare_minutes(request, std::nullopt, {})).differing == 0);

    const auto batch = reconcile::weight_batch(7, 1'780'000'000, 40, weights);
    REQUIRE(batch.rows.size() == weights.size());
    CHECK(batch.rows[0].id == EventId{reconcile::weight_shard, 1'780'000'000, 40});
    CHECK(batch.rows[0].clicks == weights[0].clicks);
}

TEST_CASE("a comparison by the minute survives its way as JSON", "[reconcile][minutes]") {
    reconcile::Comparison comparison;
    comparison.stores.push_back({"postgres", 5, 7, 1});
    auto& minutes = comparison.minutes.emplace();
    minutes.store = "clickhouse";
    minutes.first = 29'000'000;
    minutes.last = 29'000'010;
    minutes.differing = 2;
    minutes.drifts.push_back({4, "x", 29'000'003, {8, UINT64_MAX - 1}, {7, 12}});
    comparison.notes = {"done"};
    comparison.cleaned = 3;
    const auto again = take(reconcile::comparison_from_json(to_json(comparison)));
    CHECK_FALSE(again.agrees());
    CHECK(again.stores[0].held_back == 7);
    CHECK(again.stores[0].links_held_back == 1);
    REQUIRE(again.minutes);
    CHECK(again.minutes->first == minutes.first);
    REQUIRE(again.minutes->drifts.size() == 1);
    CHECK(again.minutes->drifts[0].minute == 29'000'003);
    CHECK(again.minutes->drifts[0].journal == minutes.drifts[0].journal);
    CHECK(again.notes == comparison.notes);
    CHECK(again.cleaned == comparison.cleaned);
    CHECK(reconcile::minute_text(29'000'003) == "2025-02-19T21:23Z");
}
