// Prints what a click costs in the journal: appending one, and counting ten million of them again
// after a crash. Reports; never fails.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/clock.hpp"
#include "services/clicks/journal.hpp"
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

}  // namespace

int main() {
    const test::TemporaryDirectory directory;
    auto data = DataDirectory::open(directory.path(), "journal_bench");
    if (!data) return std::printf("%s\n", data.error().message.c_str()), EXIT_FAILURE;
    auto journal = Journal::open(**data, {});
    if (!journal) return std::printf("%s\n", journal.error().message.c_str()), EXIT_FAILURE;
    auto& shard = (*journal)->shard(0);
    std::printf("append                      %6.1f ns a click\n",
                append_ns(shard, 2'000'000, 1, false));
    std::printf("append, 100k links          %6.1f ns a click\n",
                append_ns(shard, 2'000'000, 100'000, false));
    std::printf("append with both lookups    %6.1f ns a click\n",
                append_ns(shard, 2'000'000, 100'000, true));
    std::printf("append 10M                  %6.1f ns a click\n",
                append_ns(shard, recovery_clicks, 100'000, true));
    return EXIT_SUCCESS;
}
