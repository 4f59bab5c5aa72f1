#include "base/net/reactor.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

struct Pair {
    net::Fd near;
    net::Fd far;
};

Pair connected_pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    return {net::Fd(fds[0]), net::Fd(fds[1])};
}

struct Recorder : net::EventHandler {
    std::function<void(std::uint32_t)> told;
    void on_events(std::uint32_t events) override { told(events); }
};

}  // namespace

TEST_CASE("a reactor tells a handler that its descriptor is readable", "[base][net]") {
    auto reactor = *net::Reactor::create();
    const Pair pair = connected_pair();
    Recorder recorder;
    std::uint32_t seen = 0;
    recorder.told = [&](std::uint32_t events) {
        seen = events;
        reactor->stop();
    };
    REQUIRE(reactor->watch(pair.near.get(), EPOLLIN, recorder).has_value());
    REQUIRE(::send(pair.far.get(), "x", 1, 0) == 1);
    reactor->run();
    CHECK(seen == EPOLLIN);
}

TEST_CASE("no event reaches a handler that was unwatched in the same batch", "[base][net]") {
    auto reactor = *net::Reactor::create();
    const Pair first = connected_pair();
    const Pair second = connected_pair();
    Recorder a;
    Recorder b;
    int told = 0;
    a.told = [&](std::uint32_t) {
        ++told;
        reactor->unwatch(second.near.get(), b);
        reactor->unwatch(first.near.get(), a);
    };
    b.told = [&](std::uint32_t) {
        ++told;
        reactor->unwatch(first.near.get(), a);
        reactor->unwatch(second.near.get(), b);
    };
    REQUIRE(reactor->watch(first.near.get(), EPOLLIN, a).has_value());
    REQUIRE(reactor->watch(second.near.get(), EPOLLIN, b).has_value());
    REQUIRE(::send(first.far.get(), "x", 1, 0) == 1);
    REQUIRE(::send(second.far.get(), "x", 1, 0) == 1);
    reactor->after(1ms, [&] { reactor->stop(); });
    reactor->run();
    CHECK(told == 1);
}

TEST_CASE("posted work runs on the reactor's thread, in order and all of it", "[base][net]") {
    auto reactor = *net::Reactor::create();
    std::vector<int> ran;
    std::thread::id where;
    std::thread runner([&] { reactor->run(); });
    constexpr int count = 10'000;
    for (int i = 0; i < count; ++i) {
        reactor->post([&, i] {
            ran.push_back(i);
            where = std::this_thread::get_id();
        });
    }
    const auto id = runner.get_id();
    reactor->stop();
    runner.join();
    REQUIRE(ran.size() == count);
    CHECK(std::is_sorted(ran.begin(), ran.end()));
    CHECK(where == id);
}

TEST_CASE("timers run once or again and again, never early, until cancelled", "[base][net]") {
    auto reactor = *net::Reactor::create();
    const std::int64_t begun_ns = monotonic_ns();
    std::int64_t once_at_ns = 0;
    int ticks = 0;
    int cancelled = 0;
    reactor->after(20ms, [&] { once_at_ns = monotonic_ns(); });
    const auto never = reactor->after(5ms, [&] { ++cancelled; });
    reactor->cancel(never);
    net::Reactor::TimerId again = 0;
    again = reactor->every(3ms, [&] {
        if (++ticks == 4) reactor->cancel(again);
    });
    reactor->after(60ms, [&] { reactor->stop(); });
    reactor->run();
    CHECK(once_at_ns - begun_ns >= 20'000'000);
    CHECK(ticks == 4);
    CHECK(cancelled == 0);
}

TEST_CASE("a reactor that polls does not sleep until its timer, and hears of events meanwhile",
          "[base][net]") {
    const auto sleeps_until_timer = [](std::chrono::nanoseconds busy_poll) {
        auto reactor = *net::Reactor::create();
        reactor->busy_poll(busy_poll);
        reactor->after(20ms, [&] { reactor->stop(); });
        const auto sleeps = [] {
            rusage use{};
            ::getrusage(RUSAGE_THREAD, &use);
            return use.ru_nvcsw;
        };
        const auto before = sleeps();
        reactor->run();
        return sleeps() - before;
    };
    CHECK(sleeps_until_timer(0s) > 0);
    CHECK(sleeps_until_timer(1h) == 0);

    auto reactor = *net::Reactor::create();
    reactor->busy_poll(1h);
    std::thread other([&] { reactor->post([&] { reactor->stop(); }); });
    reactor->run();
    other.join();
}

TEST_CASE("a reactor polls while waits are short, and no longer once they are long",
          "[base][net]") {
    auto reactor = *net::Reactor::create();
    reactor->busy_poll(20ms);
    constexpr int long_waits = 10;
    constexpr int short_waits = 100;
    const std::int64_t cpu_before_ns = thread_cpu_ns();
    std::int64_t cpu_of_long_ns = 0;
    long sleeps_of_long = 0;
    int ticks = 0;
    const auto sleeps = [] {
        rusage use{};
        ::getrusage(RUSAGE_THREAD, &use);
        return use.ru_nvcsw;
    };
    net::Reactor::TimerId timer = 0;
    const auto short_tick = [&] {
        if (++ticks == long_waits + short_waits) reactor->stop();
    };
    timer = reactor->every(50ms, [&] {
        if (++ticks < long_waits) return;
        reactor->cancel(timer);
        cpu_of_long_ns = thread_cpu_ns() - cpu_before_ns;
        sleeps_of_long = sleeps();
        reactor->every(1ms, short_tick);
    });
    reactor->run();
    // Of ten waits that polled to the end: 200 ms.
    CHECK(cpu_of_long_ns < 150'000'000);
    // Each of the short ones would sleep.
    CHECK(sleeps() - sleeps_of_long < short_waits / 2);
}

TEST_CASE("a batch that took long does not make the next timer late", "[base][net]") {
    auto reactor = *net::Reactor::create();
    const std::int64_t begin_ns = monotonic_ns();
    std::vector<std::string> fired;
    reactor->after(400ms, [&] {
        CHECK(monotonic_ns() - begin_ns >= 400'000'000);
        fired.push_back("asked for before the batch");
    });
    reactor->post([&] {
        while (monotonic_ns() - begin_ns < 300'000'000) {
        }
        reactor->after(300ms, [&] {
            fired.push_back("asked for by the batch");
            reactor->stop();
        });
    });
    reactor->run();
    CHECK(fired ==
          std::vector<std::string>{"asked for before the batch", "asked for by the batch"});
}

TEST_CASE("what a thread posts in a batch wakes the reactor at its end", "[base][net]") {
    std::vector<std::string> ran;
    // What has woken a reactor runs before its timers; what has not, when it ends.
    const auto run = [&ran](net::Reactor& reactor) {
        ran.clear();
        reactor.after(0ns, [&] {
            ran.emplace_back("timer");
            reactor.stop();
        });
        reactor.run();
    };
    const auto post = [&ran](net::Reactor& reactor, const char* text) {
        reactor.post([&ran, text] { ran.emplace_back(text); });
    };
    auto held = *net::Reactor::create();
    auto woken = *net::Reactor::create();
    auto after = *net::Reactor::create();
    {
        const net::WakeBatch batch;
        const net::WakeBatch within;  // neither begins nor ends anything
        post(*held, "first");
        post(*held, "second");
        post(*woken, "first");
        post(*woken, "second");
        run(*held);
        CHECK(ran == std::vector<std::string>{"timer", "first", "second"});
    }
    run(*woken);
    CHECK(ran == std::vector<std::string>{"first", "second", "timer"});
    post(*after, "at once");
    run(*after);
    CHECK(ran == std::vector<std::string>{"at once", "timer"});
}
