#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/net/address.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/http_server/server.hpp"
#include "services/redirect/redirect_handler.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

/// Says what the test wants said: a link that leads to `https://example.com/VERSION`, that there is
/// none, that it cannot tell, or nothing at all.
class ToldSource final : public cache::LinkSource {
public:
    enum class Says { link, none, failure, nothing };

    explicit ToldSource(net::Reactor& reactor) : reactor_(reactor) {}

    bool find(const std::string& code, Done done) override {
        ++asked;
        if (says == Says::nothing) return true;
        reactor_.post([this, code, done = std::move(done)] {
            if (says == Says::failure) return done(error(Errc::unavailable, "told so"));
            cache::Known known;
            if (says == Says::link) {
                links::Link& link = known.link.emplace();
                link.id = 1;
                link.code = code;
                link.version = version;
                link.target = "https://example.com/" + std::to_string(version);
            }
            done(known);
        });
        return true;
    }

    std::atomic<Says> says{Says::link};
    std::atomic<std::uint64_t> version{1};
    std::atomic<int> asked{0};

private:
    net::Reactor& reactor_;
};

/// A redirect listener before a ToldSource.
class ToldRedirects {
public:
    explicit ToldRedirects(redirect::RedirectConfig config = {}) {
        reactor = *net::Reactor::create();
        directory = *clicks::DataDirectory::open(temporary.path() / "data", "test");
        journal = *clicks::Journal::open(*directory, {.shards = 1, .segment_bytes = 1 << 20});
        source = std::make_unique<ToldSource>(*reactor);
        handler = std::make_unique<redirect::RedirectHandler>(*reactor, *source, journal->shard(0),
                                                              config);
        auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listeners.has_value());
        address = *net::local_address(listeners->front().get());
        server = std::make_unique<http_server::Server>(*reactor, std::move(listeners->front()),
                                                       *handler, http_server::ServerConfig{});
        REQUIRE(server->start().has_value());
        thread = std::thread([this] { reactor->run(); });
    }
    ~ToldRedirects() {
        reactor->stop();
        thread.join();
    }

    /// What a visitor of /a is told: the Location, or the status.
    std::string visit() {
        test::RawClient client(address);
        REQUIRE(client.send("GET /a HTTP/1.1\r\nHost: qck.test\r\n\r\n"));
        const std::string response = client.response();
        const auto location = response.find("Location: https://example.com/");
        if (location == std::string::npos) return response.substr(9, 3);
        const auto begin = location + 30;
        return response.substr(begin, response.find("\r\n", begin) - begin);
    }
    /// Whether visitors are told `answer` before ten seconds are over.
    bool told(const std::string& answer) {
        const std::int64_t deadline_ns = monotonic_ns() + 10'000'000'000;
        while (visit() != answer) {
            if (monotonic_ns() > deadline_ns) return false;
        }
        return true;
    }
    void heard(bool heard) {
        reactor->post([this, heard] { handler->changes_heard(heard); });
    }

    test::TemporaryDirectory temporary;
    std::unique_ptr<net::Reactor> reactor;
    std::unique_ptr<clicks::DataDirectory> directory;
    std::unique_ptr<clicks::Journal> journal;
    std::unique_ptr<ToldSource> source;
    std::unique_ptr<redirect::RedirectHandler> handler;
    std::unique_ptr<http_server::Server> server;
    net::Address address;
    std::thread thread;
};

}  // namespace

TEST_CASE("a removed link answers 404 for as long as it is asked for", "[redirect][P4]") {
    redirect::RedirectConfig config;
    config.absent_for = 100ms;
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.source->says = ToldSource::Says::none;
    redirects.reactor->post([&] { redirects.handler->link_removed("a", 2); });
    REQUIRE(redirects.told("404"));
    const int before = redirects.source->asked;
    while (redirects.source->asked < before + 3) REQUIRE(redirects.visit() == "404");
}

TEST_CASE("a removed link does not come back from a store that lags", "[redirect][P4]") {
    redirect::RedirectConfig config;
    config.absent_for = 50ms;
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.reactor->post([&] { redirects.handler->link_removed("a", 2); });
    REQUIRE(redirects.told("404"));
    const int before = redirects.source->asked;
    while (redirects.source->asked < before + 3) REQUIRE(redirects.visit() == "404");
    redirects.source->version = 3;
    CHECK(redirects.told("3"));
}

TEST_CASE("while changes are unheard a change shows within the short time to live",
          "[redirect][P4]") {
    redirect::RedirectConfig config;
    config.l1_ttl_unheard = 200ms;
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.source->version = 2;
    for (int times = 0; times < 100; ++times) REQUIRE(redirects.visit() == "1");
    redirects.heard(false);
    const std::int64_t begin_ns = monotonic_ns();
    REQUIRE(redirects.told("2"));
    CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
}

TEST_CASE("nobody waits for news of a link when changes have just gone unheard", "[redirect][P5]") {
    redirect::RedirectConfig config;
    config.l1_ttl_unheard = 2s;
    config.unheard_noticed_in = 0ms;
    config.stale_wait = 20s;
    ToldRedirects redirects(config);
    const std::int64_t begin_ns = monotonic_ns();
    while (monotonic_ns() - begin_ns < 2'100'000'000) REQUIRE(redirects.visit() == "1");
    redirects.source->says = ToldSource::Says::nothing;
    std::atomic<bool> unheard{false};
    redirects.reactor->post([&] {
        redirects.handler->changes_heard(false);
        unheard = true;
    });
    while (!unheard) std::this_thread::yield();
    const std::int64_t asked_ns = monotonic_ns();
    CHECK(redirects.visit() == "1");
    CHECK(monotonic_ns() - asked_ns < 10'000'000'000);
    CHECK(redirects.handler->counters().stale_hits.value() == 0);
    CHECK(redirects.source->asked == 2);
}

TEST_CASE("what changed unheard shows once changes are heard again", "[redirect][P4]") {
    redirect::RedirectConfig config;
    config.l1_ttl_unheard = 300ms;
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.heard(false);
    redirects.source->version = 2;
    redirects.heard(true);
    CHECK(redirects.told("2"));
}

TEST_CASE("a link is read again in the background before it is too old", "[redirect][P4]") {
    redirect::RedirectConfig config;
    config.l1_ttl = 400ms;
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.source->version = 2;
    CHECK(redirects.told("2"));
}

TEST_CASE("cached links redirect at once while no store answers", "[redirect][P5]") {
    redirect::RedirectConfig config;
    config.l1_ttl_unheard = 20ms;
    config.stale_wait = 200ms;
    const auto says = GENERATE(ToldSource::Says::failure, ToldSource::Says::nothing);
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.source->says = says;
    redirects.heard(false);
    REQUIRE([&] {
        const std::int64_t deadline_ns = monotonic_ns() + 10'000'000'000;
        while (redirects.handler->counters().stale_hits.value() == 0) {
            if (redirects.visit() != "1" || monotonic_ns() > deadline_ns) return false;
        }
        return true;
    }());
    // Those who come after the first, who waited a moment, do not wait.
    const std::int64_t begin_ns = monotonic_ns();
    for (int times = 0; times < 50; ++times) REQUIRE(redirects.visit() == "1");
    CHECK(monotonic_ns() - begin_ns < 50 * 200'000'000LL / 2);
    CHECK(redirects.handler->counters().unavailable.value() == 0);
}

TEST_CASE("a link that nobody could confirm for too long is not served", "[redirect][P4]") {
    redirect::RedirectConfig config;
    config.l1_ttl = 20ms;
    config.stale_max = 300ms;
    ToldRedirects redirects(config);
    REQUIRE(redirects.visit() == "1");
    redirects.source->says = ToldSource::Says::failure;
    CHECK(redirects.told("503"));
    redirects.source->says = ToldSource::Says::link;
    CHECK(redirects.told("1"));
}

TEST_CASE("a popular link redirects with every store down, however long", "[redirect][V10]") {
    redirect::RedirectConfig config;
    config.l1_ttl = 20ms;
    config.stale_max = 100ms;
    ToldRedirects redirects(config);
    redirects.source->says = ToldSource::Says::failure;
    redirects.reactor->post([&] {
        links::Link link;
        link.id = 1;
        link.code = "a";
        link.version = 0;
        link.target = "https://example.com/popular";
        redirects.handler->pin(link, cache::PinReason::popular);
    });
    REQUIRE(redirects.told("popular"));
    const std::int64_t until_ns = monotonic_ns() + 500'000'000;
    while (monotonic_ns() < until_ns) REQUIRE(redirects.visit() == "popular");
    // What the store says counts as soon as it says something.
    redirects.source->says = ToldSource::Says::link;
    CHECK(redirects.told("1"));
}

TEST_CASE("a link in a mode is not read again while changes are heard", "[redirect][V7]") {
    redirect::RedirectConfig config;
    config.l1_ttl = 300ms;
    config.l1_ttl_unheard = 300ms;
    config.unheard_noticed_in = 10ms;
    ToldRedirects redirects(config);
    redirects.heard(false);
    redirects.heard(true);
    REQUIRE(redirects.visit() == "1");
    redirects.reactor->post([&] { redirects.handler->pin("a", cache::PinReason::mode); });
    const int before = redirects.source->asked;
    const std::int64_t until_ns = monotonic_ns() + 1'000'000'000;
    while (monotonic_ns() < until_ns) REQUIRE(redirects.visit() == "1");
    CHECK(redirects.source->asked == before);

    // What is heard counts; what may go unheard is asked for.
    links::Link link;
    link.id = 1;
    link.code = "a";
    link.version = 2;
    link.target = "https://example.com/2";
    redirects.reactor->post([&] { redirects.handler->link_changed(link); });
    CHECK(redirects.told("2"));
    redirects.source->version = 3;
    redirects.heard(false);
    CHECK(redirects.told("3"));

    // As every other, once it is normal again.
    redirects.heard(true);
    redirects.reactor->post([&] { redirects.handler->unpin("a", cache::PinReason::mode); });
    redirects.source->version = 4;
    CHECK(redirects.told("4"));
}

TEST_CASE("while answers are held, as for the disk, nothing is idle", "[redirect]") {
    ToldRedirects redirects;
    std::atomic<bool> held{true};
    redirects.reactor->post(
        [&] { redirects.handler->answers_held_by([&held] { return held.load(); }); });
    REQUIRE(redirects.visit() == "1");
    const auto longest_idle_since = [&](std::int64_t begin_ns) {
        const auto slots = redirects.handler->arrivals().slots_since(begin_ns, monotonic_ns());
        std::int64_t longest_ns = -1;
        for (const auto& slot : slots) {
            if (slot.start_ns >= begin_ns) longest_ns = std::max(longest_ns, slot.idle_max_ns);
        }
        return longest_ns;
    };
    const std::int64_t begin_ns = monotonic_ns();
    REQUIRE(test::eventually([&] { return longest_idle_since(begin_ns) >= 0; }));
    CHECK(longest_idle_since(begin_ns) == 0);
    held = false;
    CHECK(test::eventually([&] { return longest_idle_since(begin_ns) > 50'000'000; }));
}
