// Prints what a GET costs a reactor with 1, 50 and 1000 of them under way, as misses of a cache
// have them. Reports; never fails.
//
//   redis_client_bench redis://127.0.0.1:6379     writes the key link:abc
#include "services/stores/redis/client.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/clock.hpp"

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

int main(int argc, char* argv[]) {
    const auto url = parse_redis_url(argc > 1 ? argv[1] : "");
    if (!url) {
        std::printf("%s\n", url.error().message.c_str());
        return EXIT_FAILURE;
    }
    ClientConfig config;
    config.url = *url;
    for (const int under_way : {1, 50, 1000}) {
        const int count = under_way == 1 ? 20'000 : 400'000;
        auto reactor = *net::Reactor::create();
        auto client = *Client::create(*reactor, config);
        Load load{*reactor, *client, count, count};
        reactor->post([&] {
            client->send(Command("SET").key("link:abc").arg(std::string(120, 'v')), nullptr);
            for (int i = 0; i < under_way; ++i) load.send_one();
        });
        const auto begin = monotonic_ns();
        const double cpu = cpu_seconds();
        reactor->run();
        const double seconds = static_cast<double>(monotonic_ns() - begin) * 1e-9;
        std::printf("%4d under way: %9.0f GET/s, %6.0f ns of CPU each, %d failed\n", under_way,
                    count / seconds, (cpu_seconds() - cpu) / count * 1e9, load.failed);
    }
    return EXIT_SUCCESS;
}
