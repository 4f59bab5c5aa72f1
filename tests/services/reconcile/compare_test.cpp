#include "services/reconcile/compare.hpp"

#include <fstream>

#include "services/reconcile/comparison_json.hpp"

#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

namespace {

/// A stopped service that counted 1,000 clicks on link 1 and 500 on link 2.
void count_some(const std::filesystem::path& path) {
    Service service(path);
    for (int n = 0; n < 1500; ++n) {
        REQUIRE(service.journal->shard(0).append(click_on(n % 3 == 0 ? 2 : 1)));
    }
    service.flush();
}

std::unique_ptr<sqlite::SqliteClickStore> open_store(const std::filesystem::path& path) {
    return take(
        sqlite::SqliteClickStore::open(path / "clicks.db", take(DataDirectory::peek(path)).node));
}

void run_sql(const std::filesystem::path& path, const char* sql) {
    auto db = take(sqlite::Db::open(path / "clicks.db"));
    REQUIRE(db.execute(sql).has_value());
}

reconcile::Request request_for(const std::filesystem::path& path) {
    reconcile::Request request;
    request.data_dir = path;
    request.codes_of = [](std::span<const std::uint64_t> ids) {
        std::vector<std::string> codes;
        for (const std::uint64_t id : ids) codes.push_back("link" + std::to_string(id));
        return codes;
    };
    request.id_of = [](const std::string& code) { return std::stoull(code.substr(4)); };
    return request;
}

}  // namespace

TEST_CASE("journal and store agree after a quiet end", "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    count_some(directory.path());
    const auto result =
        take(reconcile::compare(request_for(directory.path()), *open_store(directory.path())));
    CHECK(result.agrees());
    CHECK(result.links == 2);
    CHECK(result.journal == 1500);
    CHECK(result.stores.front().clicks == 1500);
}

TEST_CASE("a link whose counts differ is named, and repaired from the journal", "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    count_some(directory.path());
    run_sql(directory.path(), "UPDATE click_totals SET total = total - 12 WHERE link_id = 1");
    auto store = open_store(directory.path());
    const auto request = request_for(directory.path());
    const auto drifted = take(reconcile::compare(request, *store));
    CHECK_FALSE(drifted.agrees());
    REQUIRE(drifted.drifts.size() == 1);
    CHECK(drifted.drifts[0].code == "link1");
    CHECK(drifted.drifts[0].journal == 1000);
    CHECK(drifted.drifts[0].stores[0] == 988);

    REQUIRE(reconcile::repair(request, *store, false).has_value());
    CHECK(take(reconcile::compare(request, *store)).agrees());
}

TEST_CASE("of many links that differ the first thousand get their codes, in one question",
          "[reconcile]") {
    constexpr std::uint64_t links = 3'000;
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path());
        for (std::uint64_t link = 1; link <= links; ++link) {
            REQUIRE(service.journal->shard(0).append(click_on(link)));
        }
        service.flush();
    }
    run_sql(directory.path(), "UPDATE click_totals SET total = total + 1");
    auto request = request_for(directory.path());
    request.drifts_max = SIZE_MAX;
    std::size_t questions = 0;
    std::size_t ids_asked = 0;
    const auto codes_of = request.codes_of;
    request.codes_of = [&](std::span<const std::uint64_t> ids) {
        ++questions;
        ids_asked += ids.size();
        return codes_of(ids);
    };
    auto result = take(reconcile::compare(request, *open_store(directory.path())));
    CHECK(questions == 1);
    CHECK(ids_asked == reconcile::drifts_named_max);
    REQUIRE(result.drifts.size() == links);
    CHECK(result.drifts[999].code == "link1000");
    CHECK(result.drifts[1'000].code.empty());
    reconcile::keep_named(result);
    CHECK(result.drifts.size() == reconcile::drifts_named_max);
    CHECK(result.drifting == links);
}

TEST_CASE("repair lowers a store that has too much only when it is told to", "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    count_some(directory.path());
    run_sql(directory.path(), "UPDATE click_totals SET total = total + 5 WHERE link_id = 2");
    auto store = open_store(directory.path());
    const auto request = request_for(directory.path());
    REQUIRE(reconcile::repair(request, *store, false).has_value());
    CHECK(take(reconcile::compare(request, *store)).drifting == 1);
    REQUIRE(reconcile::repair(request, *store, true).has_value());
    CHECK(take(reconcile::compare(request, *store)).agrees());
}

TEST_CASE(
    "clicks that a killed service had not counted are drift until repair counts them, hours too",
    "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    count_some(directory.path());
    {
        auto data = take(DataDirectory::open(directory.path(), "test"));
        auto journal = take(Journal::open(*data, small_journal()));
        for (int n = 0; n < 70; ++n) REQUIRE(journal->shard(0).append(click_on(2)));
    }
    auto store = open_store(directory.path());
    const auto request = request_for(directory.path());
    CHECK(take(reconcile::compare(request, *store)).drifts.at(0).journal == 570);
    REQUIRE(reconcile::repair(request, *store, false).has_value());
    CHECK(take(reconcile::compare(request, *store)).agrees());
    const auto hours = take(store->link_hours(2, 0, UINT32_MAX)).value;
    REQUIRE(hours.size() == 1);
    CHECK(hours[0].clicks.sum() == 570);
    store.reset();

    // The next start goes on after what was repaired, and counts nothing again.
    Service service(directory.path());
    REQUIRE(service.journal->shard(0).append(click_on(2)));
    service.flush();
    CHECK(service.stored(2) == 571);
}

TEST_CASE("beside a running service the comparison is exact, and what is not flushed is pending",
          "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    auto config = quick_counting();
    config.checkpoint_records = 2000;
    config.keep.bytes = 2 * segment_bytes_min;
    Service service(directory.path(), small_journal(), config);
    for (int round = 0; round < 10; ++round) {
        for (int n = 0; n < 3000; ++n)
            REQUIRE(service.journal->shard(0).append(click_on(1 + n % 5)));
        auto request = request_for(directory.path());
        request.live = true;
        const auto result = take(reconcile::compare(request, *service.store));
        CHECK(result.agrees());
        CHECK(result.journal <= static_cast<std::uint64_t>(3000 * (round + 1)));
    }
}

TEST_CASE("only links that were clicked since a time are compared when asked", "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path());
        constexpr std::int64_t day_ms = 86'400'000;
        for (int n = 0; n < 10; ++n) {
            REQUIRE(service.journal->shard(0).append(click_on(1)));
            REQUIRE(service.journal->shard(0).append(
                click_on(2, ClickClass::human, some_time_ms + day_ms)));
        }
        service.flush();
    }
    auto request = request_for(directory.path());
    request.since_ms = some_time_ms + 43'200'000;
    auto store = open_store(directory.path());
    CHECK(take(reconcile::compare(request, *store)).links == 1);
    request.links = {1};
    CHECK(take(reconcile::compare(request, *store)).links == 0);
}

TEST_CASE("answers of a run that were not counted are drift", "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    count_some(directory.path());
    auto store = open_store(directory.path());
    auto request = request_for(directory.path());
    request.run = reconcile::RunReport{1500, {{"link1", 1000}, {"link2", 500}}};
    CHECK(take(reconcile::compare(request, *store)).agrees());
    request.run = reconcile::RunReport{1501, {{"link1", 1001}, {"link2", 500}}};
    const auto result = take(reconcile::compare(request, *store));
    CHECK_FALSE(result.agrees());
    REQUIRE(result.drifts.size() == 1);
    CHECK(result.drifts[0].answered.value() == 1001);
}

TEST_CASE("a run whose links are not in the data directory is drift, however busy that is",
          "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    count_some(directory.path());
    auto store = open_store(directory.path());
    auto request = request_for(directory.path());
    request.id_of = [](const std::string& code) {
        return code == "link1" ? std::uint64_t{1} : std::uint64_t{0};
    };
    request.run = reconcile::RunReport{7, {{"link1", 4}, {"k", 3}, {"never", 0}}};
    const auto result = take(reconcile::compare(request, *store));
    CHECK_FALSE(result.agrees());
    CHECK(result.absent == 1);
    CHECK(result.answered == 7U);
    REQUIRE(result.drifts.size() == 1);
    CHECK(result.drifts[0].code == "k");
    CHECK(result.drifts[0].answered == 3U);
    const auto again = take(reconcile::comparison_from_json(to_json(result)));
    CHECK(again.absent == 1);
    CHECK_FALSE(again.agrees());

    // Who names a link asks for that one only.
    request.links = {1};
    const auto one = take(reconcile::compare(request, *store));
    CHECK(one.agrees());
    CHECK(one.answered == 4U);

    // What was meant to be unknown is counted as that, and not as a link that is missing.
    request.links = {};
    request.run = reconcile::RunReport{9, {}, 9};
    const auto unknown = take(reconcile::compare(request, *store));
    CHECK(unknown.absent == 0);
    REQUIRE(unknown.drifts.size() == 1);
    CHECK(unknown.drifts[0].answered == 9U);
}

TEST_CASE("a run's report says what was answered", "[reconcile]") {
    const qck::test::TemporaryDirectory directory;
    const auto write = [&](const std::string& text) {
        std::ofstream(directory.path() / "report.json") << text;
    };
    CHECK(reconcile::read_run_report(directory.path()).error().code == Errc::not_found);
    write(R"({"links": {"hot": {"code": "viral", "answered": 12},
              "tail": {"prefix": "t", "answered": [0, 5]}, "unknown": 1}})");
    const auto run = take(reconcile::read_run_report(directory.path()));
    CHECK(run.answered == 18);
    CHECK(run.unknown == 1);
    CHECK(run.by_code ==
          std::vector<std::pair<std::string, std::uint64_t>>{{"viral", 12}, {"t2", 5}});
    const char* const nothing = R"({"links": {"hot": {"code": "", "answered": 0},
                                   "tail": {"prefix": "", "answered": []}, "unknown": 0}})";
    // Its service was another one.
    const char* const embedded = R"({"target_note": "embedded, journal on, SQLite",
        "links": {"hot": {"code": "viral", "answered": 12},
                  "tail": {"prefix": "t", "answered": []}, "unknown": 0}})";
    for (const char* wrong : {"", "[]", "{}", nothing, R"({"accounting": {"answered": 7}})",
                              R"({"links": {"hot": {"answered": "many"}}})", embedded}) {
        write(wrong);
        CHECK(reconcile::read_run_report(directory.path()).error().code == Errc::invalid_argument);
    }
}
