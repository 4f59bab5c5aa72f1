// How long a comparison of a million links takes; run by hand: shared_repair_test "[scale]".
#include <cstdio>
#include <cstdlib>

#include "cli/commands/service.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/clicks/journal.hpp"
#include "services/reconcile/comparison_json.hpp"
#include "tests/integration/shared_stores.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t links = 1'000'000;
constexpr std::uint64_t clicks_a_link = 3;

void fill_journal(const std::filesystem::path& path) {
    auto directory = clicks::DataDirectory::open(path, "test");
    REQUIRE(directory.has_value());
    clicks::JournalConfig config;
    config.shards = 2;
    auto journal = clicks::Journal::open(**directory, config);
    REQUIRE(journal.has_value());
    clicks::Click click;
    click.time_ms = wall_ms() - 3'600'000;
    for (std::uint64_t round = 0; round < clicks_a_link; ++round) {
        for (std::uint64_t link = 1; link <= links; ++link) {
            click.link_id = link;
            click.time_ms += link % 1'000 == 0 ? 1 : 0;
            REQUIRE((*journal)->shard(link % 2).append(click));
        }
    }
}

}  // namespace

TEST_CASE("a million links in every store are compared", "[.][scale]") {
    SharedStores stores;
    stores.postgres.sql(
        "INSERT INTO links(id, short_code, target_url, status, created_at, updated_at) "
        "SELECT n, 'l' || n, 'https://example.com/', 302, now(), now() FROM "
        "generate_series(1, 1000000) AS n");
    TemporaryDirectory directory;
    fill_journal(directory.path() / "data");
    RunningService service([&](auto& config) {
        stores.use(config);
        config.data_dir = directory.path() / "data";
        config.threads = 1;
        config.segment_bytes = std::uint64_t{64} << 20;
    });
    client::RestConfig rest;
    rest.service = *client::parse_service_url("http://" + service.address("admin").to_string());
    rest.request_timeout = 10min;
    client::RestClient admin(std::move(rest));
    const std::int64_t deadline_ns = monotonic_ns() + 600'000'000'000;
    int measured = 0;
    while (measured < 3) {
        REQUIRE(monotonic_ns() < deadline_ns);
        const std::int64_t begin_ns = monotonic_ns();
        const auto answer = admin.send("POST", "/v1/reconcile", "{}");
        const double seconds = static_cast<double>(monotonic_ns() - begin_ns) / 1e9;
        REQUIRE(answer.has_value());
        if (answer->status != 200) {  // not everything was delivered in its time
            std::printf("after %.1f s: %s\n", seconds, answer->body.c_str());
            continue;
        }
        const auto comparison = reconcile::comparison_from_json(answer->body);
        REQUIRE(comparison.has_value());
        if (comparison->journal < links * clicks_a_link) continue;
        std::printf(
            "%.2f s: %llu links, %zu stores, %llu clicks by the minute, %s\n", seconds,
            static_cast<unsigned long long>(comparison->links), comparison->stores.size(),
            static_cast<unsigned long long>(comparison->minutes ? comparison->minutes->clicks : 0),
            comparison->agrees() ? "all agree" : "DRIFT");
        CHECK(comparison->agrees());
        ++measured;
    }
}

}  // namespace qck::test
