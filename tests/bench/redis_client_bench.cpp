#include "services/stores/redis/client.hpp"

#include <ctime>

#include "base/clock.hpp"
#include "tests/support/redis_server.hpp"

using namespace qck;
using namespace qck::redis;

namespace {

double cpu_seconds() {
    timespec at{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

/// Keeps so many GETs under way, each sent when another is answered: as misses of a cache do.
struct Load {
    void send_one() {
        if (left == 0) return;
        --left;
        client.send(Command("GET").key("link:abc").repeatable(),
                    [this](const Result<Reply>& reply) {
                        failed += reply ? 0 : 1;
                        send_one();
                        if (--pending == 0) reactor.stop();
                    });
    }
    net::Reactor& reactor;
    Client& client;
    int left;
    int pending;
    int failed = 0;
};

}  // namespace

TEST_CASE("what a GET costs a reactor, with 1, 50 and 1000 under way", "[.][bench][redis]") {
    const test::RedisServer server;
    server.cli({"SET", "link:abc", std::string(120, 'v')});
    for (const int under_way : {1, 50, 1000}) {
        const int count = under_way == 1 ? 20'000 : 400'000;
        auto reactor = *net::Reactor::create();
        auto client = *Client::create(*reactor, server.config());
        Load load{*reactor, *client, count, count};
        reactor->post([&] {
            for (int i = 0; i < under_way; ++i) load.send_one();
        });
        const auto begin = monotonic_ns();
        const double cpu = cpu_seconds();
        reactor->run();
        const double seconds = static_cast<double>(monotonic_ns() - begin) * 1e-9;
        CHECK(load.failed == 0);
        WARN(under_way << " under way: " << static_cast<int>(count / seconds) << " GET/s, "
                       << (cpu_seconds() - cpu) / count * 1e9 << " ns of CPU each");
    }
}
