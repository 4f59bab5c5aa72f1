#include "cli/render/status_screen.hpp"

#include "tests/support/catch.hpp"

using namespace qck::render;

namespace {

StatusView quiet() {
    StatusView view;
    view.instances = 1;
    view.uptime_s = 59;
    return view;
}

}  // namespace

TEST_CASE("a busy system fits on one screen", "[render][V12]") {
    StatusView view;
    view.instances = 2;
    view.uptime_s = 3 * 3600 + 12 * 60 + 40;
    view.redirects_per_s = 48'200;
    view.p99_us = 410;
    view.levels = LevelShares{0.9971, 0.0028, 0.0001};
    view.has_redis = true;
    view.cache_entries = 102'331;
    view.cache_bytes = 31 << 20;
    view.modes = {{"viral", "burst", 21'400, 72'843'000}, {"promo", "elevated", 1'800, 0}};
    view.stores = {{"redis", false, 0.1, 0, 1'100, 0}, {"clickhouse", true, 61.25, 3, 0, 12}};
    view.stores[1].pending_unit = "clicks";
    view.stores[1].why = "connection refused";
    view.stores[1].next_try_s = 2.3;
    view.stores.push_back({"postgres", false, 0.5, 0, 6, 0});
    view.stores[2].degraded = true;
    view.stores[2].why = "a:5432 is down";
    view.journal_bytes = 1ULL << 31;
    view.journal_lag_s = 1.2;
    CHECK(status_screen(view, Terminal{}) ==
          "qck  2 instances up 3h12m            redirects 48.2k/s  p99 0.41 ms  errors 0\n"
          "cache      L1 99.71 %  Redis 0.28 %  store 0.01 %   entries 102,331  31 MB\n"
          "modes      viral  BURST 21.4k/s since 20:14:03\n"
          "           promo  elevated 1.8k/s since 00:00:00\n"
          "redis      ok       1.1k totals/s   lag 0.1 s    pending 0\n"
          "clickhouse AWAY     0 rows/s        lag 61.2 s   pending 3 clicks   failures 12\n"
          "           connection refused; next try in 3 s\n"
          "postgres   DEGRADED 6.0 totals/s    lag 0.5 s    pending 0\n"
          "           a:5432 is down\n"
          "journal    2 GB, oldest uncounted 1.2 s\n");
    CHECK(status_line(view, 72'843'000) ==
          "20:14:03 up 2/2 redirects 48.2k/s p99 0.41 ms errors 0/s l1 99.71 % redis ok lag 0.1 s "
          "clickhouse AWAY lag 61.2 s postgres DEGRADED lag 0.5 s bursts 1\n");
}

TEST_CASE("what is not known is not shown as a figure", "[render][V12]") {
    CHECK(status_screen(quiet(), Terminal{}) ==
          "qck  1 instance up 59s               redirects 0/s  p99 -  errors 0\n"
          "cache      no lookups yet   entries 0  0 B\n"
          "modes      every link is normal\n"
          "journal    0 B, oldest uncounted 0.0 s\n");
}

TEST_CASE("instances that are down, and those that hear nothing, are named", "[render][V12]") {
    StatusView view = quiet();
    view.instances = 2;
    view.down = {"cannot reach http://b:9090: connection refused"};
    view.unheard = 1;
    const std::string screen = status_screen(view, Terminal{});
    CHECK(screen.find("qck  1 of 2 instances up 59s") == 0);
    CHECK(screen.find("\ndown       cannot reach http://b:9090: connection refused\n") !=
          std::string::npos);
    CHECK(screen.find("1 without news of changes") != std::string::npos);
    view.instances = 1;
    CHECK(status_screen(view, Terminal{}).find("qck  0 of 1 instance up") == 0);
}

TEST_CASE("a long reason is broken where the screen is drawn again, and nowhere else",
          "[render][V12]") {
    StatusView view = quiet();
    view.stores = {{"redis", true, 1, 0, 0, 0}};
    view.stores[0].why = "cannot use redis://127.0.0.1:6379: connection refused";
    CHECK(qck::test::contains(status_screen(view, Terminal{}),
                              "\n           " + view.stores[0].why + "\n"));
    Terminal narrow;
    narrow.redraws = true;
    narrow.width = 50;
    CHECK(qck::test::contains(status_screen(view, narrow),
                              "\n           cannot use redis://127.0.0.1:6379:\n"
                              "           connection refused\n"));
}

TEST_CASE("colour adds to the words and replaces none", "[render][V12]") {
    StatusView view = quiet();
    view.stores = {{"redis", true, 1, 0, 0, 0}};
    Terminal colour;
    colour.colour = true;
    const std::string screen = status_screen(view, colour);
    CHECK(screen.find("\x1b[") != std::string::npos);
    CHECK(screen.find("AWAY") != std::string::npos);
    CHECK(status_screen(view, Terminal{}).find('\x1b') == std::string::npos);
}

TEST_CASE("shares of levels sum to all lookups", "[render][S1]") {
    LevelCounts counts;
    CHECK_FALSE(level_shares(counts).has_value());
    counts = {900, 100, 60, 20, true};
    const auto shares = *level_shares(counts);
    CHECK(shares.l1 == Approx(0.9));
    CHECK(shares.redis == Approx(0.075));
    CHECK(shares.store == Approx(0.025));
    CHECK(percent(1) == "100.00 %");
    CHECK(percent(0.99999) == "99.99 %");
    CHECK(percent(0) == "0.00 %");
    CHECK(percent(0.000001) == "0.01 %");
}
