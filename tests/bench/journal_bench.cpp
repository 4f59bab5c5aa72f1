// Prints what a click costs in the journal: appending one, and counting ten million of them again
// after a crash. Reports; never fails.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "services/clicks/click_counting.hpp"
#include "services/clicks/journal.hpp"
#include "services/reconcile/compare.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace qck::clicks;

namespace {

constexpr std::uint64_t recovery_clicks = 10'000'000;
constexpr const char* agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Googlebot/2.1 (+http://www.google.com/bot.html)"};

double append_ns(JournalShard& shard, std::uint64_t clicks, std::uint64_t links, bool lookups) {
    Click click;
    click.ip.kind = 4;
    click.ip.bytes = {192, 0, 2, 0};
    click.user_agent = shard.user_agent(agents[0]).id;
    click.referrer = shard.referrer("https://news.example/story");
    const std::int64_t time_ms = wall_ms();
    const auto begin = monotonic_ns();
    for (std::uint64_t n = 0; n < clicks; ++n) {
        if (lookups) {
            click.user_agent = shard.user_agent(agents[n & 3]).id;
            click.referrer = shard.referrer("https://news.example/story");
        }
        click.link_id = 1 + n * 0x9E3779B1 % links;
        click.time_ms = time_ms + static_cast<std::int64_t>(n >> 8);
        if (!shard.append(click)) std::printf("the journal is full\n");
    }
    return static_cast<double>(monotonic_ns() - begin) / static_cast<double>(clicks);
}

/// As a reactor sees it: bursts with time between them, in which the supply makes pages ready.
double paced_append_ns(JournalShard& shard) {
    constexpr std::uint64_t burst = 5'000;
    constexpr int bursts = 200;
    double sum = 0;
    for (int n = 0; n < bursts; ++n) {
        sum += append_ns(shard, burst, 100'000, false);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return sum / bursts;
}

/// What a life of the service that nobody counted leaves behind.
void fill(const std::filesystem::path& path) {
    auto data = DataDirectory::open(path, "journal_bench");
    auto journal = Journal::open(**data, {});
    auto& shard = (*journal)->shard(0);
    std::printf("append, paced               %6.1f ns a click\n", paced_append_ns(shard));
    std::printf("append, one link            %6.1f ns a click\n",
                append_ns(shard, 2'000'000, 1, false));
    std::printf("append, 100k links          %6.1f ns a click\n",
                append_ns(shard, 2'000'000, 100'000, false));
    std::printf("append with both lookups    %6.1f ns a click\n",
                append_ns(shard, recovery_clicks - 5'000'000, 100'000, true));
}

/// A start that has all of it to count.
void recover(const std::filesystem::path& path) {
    const auto begin = monotonic_ns();
    const auto ms = [begin] { return static_cast<double>(monotonic_ns() - begin) / 1e6; };
    auto data = DataDirectory::open(path, "journal_bench");
    auto store =
        sqlite::SqliteClickStore::open((*data)->clicks_database(), (*data)->identity().node);
    auto journal = Journal::open(**data, {});
    auto counting = ClickCounting::start(**journal, **store, {});
    std::printf("start                       %6.1f ms\n", ms());
    if (!(*counting)->flush(std::chrono::minutes(5))) std::printf("not flushed in time\n");
    std::printf("recovery                    %6.0f ms for %llu clicks on 100,000 links\n", ms(),
                static_cast<unsigned long long>((*counting)->figures().counted));
    (*counting)->stop();
    std::printf("with checkpoint and stop    %6.0f ms\n", ms());
}

/// Everything again from scratch, as `qck reconcile` does.
void compare(const std::filesystem::path& path) {
    const auto begin = monotonic_ns();
    auto data = DataDirectory::open_offline(path, "journal_bench");
    auto store =
        sqlite::SqliteClickStore::open((*data)->clicks_database(), (*data)->identity().node);
    reconcile::Request request;
    request.data_dir = path;
    const auto result = reconcile::compare(request, **store);
    std::printf("reconcile                   %6.0f ms for %llu links, %llu differ\n",
                static_cast<double>(monotonic_ns() - begin) / 1e6,
                static_cast<unsigned long long>(result ? result->links : 0),
                static_cast<unsigned long long>(result ? result->drifting : 0));
}

}  // namespace

int main() {
    const test::TemporaryDirectory directory;
    fill(directory.path());
    recover(directory.path());
    compare(directory.path());
    return EXIT_SUCCESS;
}
