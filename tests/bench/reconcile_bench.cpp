// Prints how long a comparison of a million links over every store takes, beside a service that
// runs: one Redis, and a Redis Cluster. Reports; fails only where the stores do not agree.
//
//   reconcile_bench ["[one]"|"[cluster]"]     QCK_BENCH_LINKS: how many, 1,000,000 by default
#include <cstdio>
#include <cstdlib>

#include "tests/integration/many_links.hpp"
#include "tests/integration/reconcile_question.hpp"
#include "tests/support/redis_cluster.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t clicks_a_link = 3;
constexpr int measurements = 5;
constexpr std::int64_t patience_ns = 600'000'000'000;

std::uint64_t links_wanted() {
    const char* const text = std::getenv("QCK_BENCH_LINKS");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 1'000'000;
}

double seconds_since(std::int64_t begin_ns) {
    return static_cast<double>(monotonic_ns() - begin_ns) / 1e9;
}

void measure(const std::function<void(commands::ServiceConfig&)>& adjust) {
    const std::uint64_t links = links_wanted();
    SharedStores stores;
    TemporaryDirectory directory;
    std::int64_t begin_ns = monotonic_ns();
    make_many_links(stores, directory.path() / "data", links, clicks_a_link);
    std::printf("made %llu links in %.1f s\n", static_cast<unsigned long long>(links),
                seconds_since(begin_ns));
    RunningService service([&](auto& config) {
        stores.use(config);
        adjust(config);
        config.data_dir = directory.path() / "data";
        config.threads = 1;
        config.segment_bytes = std::uint64_t{64} << 20;
    });
    client::RestClient admin = admin_of(service);
    begin_ns = monotonic_ns();
    for (int measured = 0; measured < measurements;) {
        REQUIRE(monotonic_ns() - begin_ns < patience_ns);
        const std::int64_t asked_ns = monotonic_ns();
        const auto answer = admin.send("POST", "/v1/reconcile", "{}");
        const double seconds = seconds_since(asked_ns);
        REQUIRE(answer.has_value());
        if (answer->status != 200) continue;  // not everything was delivered in its time
        const auto comparison = reconcile::comparison_from_json(answer->body);
        REQUIRE(comparison.has_value());
        if (comparison->journal < links * clicks_a_link) continue;
        if (measured == 0) std::printf("delivered in %.1f s\n", seconds_since(begin_ns));
        std::printf(
            "%.2f s: %llu links, %zu stores, %llu clicks by the minute, %s\n", seconds,
            static_cast<unsigned long long>(comparison->links), comparison->stores.size(),
            static_cast<unsigned long long>(comparison->minutes ? comparison->minutes->clicks : 0),
            comparison->agrees() ? "all agree" : "DRIFT");
        std::fflush(stdout);
        CHECK(comparison->agrees());
        ++measured;
    }
}

}  // namespace

TEST_CASE("a million links, one Redis", "[one]") {
    std::printf("one Redis:\n");
    measure([](auto&) {});
}

TEST_CASE("a million links, a Redis Cluster of three masters", "[cluster]") {
    std::printf("a Redis Cluster of three masters and three replicas:\n");
    RedisCluster cluster;
    measure([&](auto& config) { config.redis = cluster.config(); });
}

}  // namespace qck::test
