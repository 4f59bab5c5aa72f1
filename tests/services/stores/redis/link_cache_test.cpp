#include "services/stores/redis/redis_link_cache.hpp"

#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include "services/stores/redis/link_changes.hpp"
#include "services/stores/redis/link_scripts.hpp"
#include "services/stores/redis/link_value.hpp"
#include "tests/support/redis_server.hpp"

using namespace qck;
using namespace qck::redis;
using namespace std::chrono_literals;
using test::RedisServer;
using test::wait_for;

namespace {

links::Link link(const std::string& code, std::uint64_t version,
                 const std::string& target = "https://example.com/a b") {
    links::Link made;
    made.id = 7;
    made.code = code;
    made.version = version;
    made.target = target;
    made.status = 301;
    made.created_at_ms = 1'700'000'000'000;
    made.updated_at_ms = 1'700'000'000'001;
    return made;
}

cache::Known known(const std::string& code, std::uint64_t version) {
    return {link(code, version), 0};
}
cache::Known removed(std::uint64_t version) { return {std::nullopt, version}; }

/// A reactor of its own with a client and what instances tell each other.
class Instance {
public:
    explicit Instance(const ClientConfig& config, LinkChangesConfig changes_config = {}) {
        reactor_ = *net::Reactor::create();
        client_ = *Client::create(*reactor_, config);
        cache_ = std::make_unique<RedisLinkCache>(*client_, LinkCacheConfig{}, 1);
        changes_ = std::make_unique<LinkChanges>(
            *reactor_, *client_, changes_config,
            [this](const std::string& code, const cache::Known& what) {
                const std::lock_guard lock(mutex_);
                versions_[code] = version_of(what);
            },
            [this](bool heard) { heard_ = heard; });
        thread_ = std::thread([this] { reactor_->run(); });
    }
    ~Instance() {
        reactor_->stop();
        thread_.join();
        changes_.reset();
    }

    LinkChanges& changes() { return *changes_; }
    bool heard() const { return heard_; }
    /// The version that this instance was told of; 0: none.
    std::uint64_t told(const std::string& code) {
        const std::lock_guard lock(mutex_);
        return versions_[code];
    }
    Result<std::optional<cache::SharedLinkCache::Entry>> find(const std::string& code) {
        std::promise<Result<std::optional<cache::SharedLinkCache::Entry>>> answer;
        reactor_->post(
            [&] { cache_->find(code, [&](const auto& found) { answer.set_value(found); }); });
        return answer.get_future().get();
    }
    void fill(const std::string& code, const cache::Known& what) {
        reactor_->post([this, code, what] { cache_->fill(code, what, 1ms); });
    }
    /// Version in Redis; nothing when there is none.
    std::optional<std::uint64_t> stored(const std::string& code) {
        const auto found = find(code);
        REQUIRE(found.has_value());
        if (!*found) return std::nullopt;
        return version_of((*found)->known);
    }

private:
    std::unique_ptr<net::Reactor> reactor_;
    std::unique_ptr<Client> client_;
    std::unique_ptr<RedisLinkCache> cache_;
    std::unique_ptr<LinkChanges> changes_;
    std::mutex mutex_;
    std::map<std::string, std::uint64_t> versions_;
    std::atomic<bool> heard_{false};
    std::thread thread_;
};

}  // namespace

TEST_CASE("what is known of a link survives its text", "[redis][cache]") {
    links::Link full = link("abc", 18'446'744'073'709'551'615U);
    full.max_age_s = 60;
    full.expires_at_ms = 1'900'000'000'000;
    for (const links::Link& one : {link("abc", 3), full}) {
        const std::string text = encode_link_value({{one, 0}, 5, 6us, 7ms});
        const auto value = decode_link_value(text, "abc");
        REQUIRE(value.has_value());
        REQUIRE(value->known.link.has_value());
        CHECK(value->known.link->id == one.id);
        CHECK(value->known.link->target == one.target);
        CHECK(value->known.link->version == one.version);
        CHECK(value->known.link->max_age_s == one.max_age_s);
        CHECK(value->known.link->expires_at_ms == one.expires_at_ms);
        CHECK(value->known.link->updated_at_ms == one.updated_at_ms);
        CHECK(value->stored_at_ms == 5);
        CHECK(value->fetch_time == 6us);
        CHECK(value->ttl == 7ms);
        for (std::size_t cut = 0; cut < text.find(one.target); ++cut) {
            CHECK_FALSE(decode_link_value(text.substr(0, cut), "abc").has_value());
        }
    }
    CHECK(decode_link_value(encode_link_value({removed(9), 1, 2us, 3ms}), "abc")
              ->known.absent_version == 9);
    CHECK_FALSE(decode_link_value("", "abc").has_value());
    CHECK_FALSE(decode_link_value("garbage", "abc").has_value());
    CHECK_FALSE(decode_link_value("1 L -5 302 - - 1 1 1 1 1 x", "abc").has_value());
}

TEST_CASE("a fill never replaces a newer version or a tombstone", "[redis][cache][P4]") {
    const RedisServer server;
    Instance instance(server.config());
    CHECK_FALSE(instance.stored("a").has_value());
    instance.fill("a", known("a", 5));
    CHECK(instance.stored("a") == 5U);
    instance.fill("a", known("a", 4));
    CHECK(instance.stored("a") == 5U);
    instance.fill("a", known("a", 10));
    CHECK(instance.stored("a") == 10U);
    instance.fill("a", removed(0));
    CHECK(instance.stored("a") == 10U);
    instance.fill("a", removed(11));
    instance.fill("a", known("a", 10));
    CHECK(instance.stored("a") == 11U);
    CHECK_FALSE((*instance.find("a"))->known.link.has_value());

    instance.fill("never", removed(0));
    CHECK(instance.stored("never") == 0U);
    instance.fill("never", known("never", 1));
    CHECK(instance.stored("never") == 1U);
}

TEST_CASE("what was evicted is gone, and no older version takes its place", "[redis][cache][P4]") {
    const RedisServer server;
    auto raw = *BlockingClient::create(server.config());
    Instance instance(server.config());
    instance.fill("a", known("a", 5));
    CHECK(instance.stored("a") == 5U);
    REQUIRE(raw->call(evict_command("a", 60s, 0)).has_value());
    CHECK_FALSE(instance.stored("a").has_value());
    instance.fill("a", known("a", 4));
    CHECK_FALSE(instance.stored("a").has_value());
    instance.fill("a", known("a", 5));
    CHECK(instance.stored("a") == 5U);
}

TEST_CASE("a pinned link does not expire, whatever is written, until it is unpinned or removed",
          "[redis][cache]") {
    RedisServer server;
    auto raw = *BlockingClient::create(server.config());
    Instance instance(server.config());
    const auto expires = [&] { return server.cli({"PTTL", "link:{a}"}).front() != '-'; };
    instance.fill("a", known("a", 5));
    REQUIRE(instance.stored("a") == 5U);
    CHECK(expires());
    REQUIRE(raw->call(pin_command(link("a", 4), 1h, 0)).has_value());
    CHECK(instance.stored("a") == 5U);
    CHECK_FALSE(expires());
    instance.fill("a", known("a", 6));
    CHECK(instance.stored("a") == 6U);
    CHECK_FALSE(expires());
    REQUIRE(raw->call(evict_command("a", 60s, 0)).has_value());
    instance.fill("a", known("a", 6));
    CHECK(instance.stored("a") == 6U);
    CHECK_FALSE(expires());
    REQUIRE(raw->call(unpin_command("a", 1h, 0)).has_value());
    CHECK(expires());
    REQUIRE(raw->call(pin_command(link("a", 7), 1h, 0)).has_value());
    CHECK(instance.stored("a") == 7U);
    CHECK_FALSE(expires());
    instance.fill("a", removed(8));
    CHECK(instance.stored("a") == 8U);
    CHECK(expires());
    // A link that is gone is not brought back.
    REQUIRE(raw->call(pin_command(link("a", 7), 1h, 0)).has_value());
    CHECK(instance.stored("a") == 8U);
    CHECK(expires());
}

TEST_CASE("a value that is no link is an error, and filled over", "[redis][cache]") {
    const RedisServer server;
    auto created = BlockingClient::create(server.config());
    REQUIRE(created.has_value());
    const auto raw = std::move(*created);
    REQUIRE(raw->call(Command("SET").key(link_key("a")).arg("rubbish")).has_value());
    Instance instance(server.config());
    CHECK_FALSE(instance.find("a").has_value());
    instance.fill("a", known("a", 1));
    CHECK(instance.stored("a") == 1U);
}

TEST_CASE("every instance is told of a change, and Redis has it", "[redis][cache][P4]") {
    const RedisServer server;
    Instance here(server.config());
    Instance there(server.config());
    REQUIRE(wait_for([&] { return here.heard() && there.heard(); }));

    here.changes().link_changed(link("a", 2));
    CHECK(wait_for([&] { return there.told("a") == 2 && here.told("a") == 2; }));
    CHECK(there.stored("a") == 2U);
    there.changes().link_removed("a", 3);
    CHECK(wait_for([&] { return here.told("a") == 3; }));
    CHECK(here.stored("a") == 3U);

    // A new link matters only where somebody has asked for its code.
    here.changes().link_created(link("unasked", 1));
    there.fill("asked", removed(0));
    REQUIRE(there.stored("asked") == 0U);
    here.changes().link_created(link("asked", 1));
    CHECK(wait_for([&] { return there.told("asked") == 1; }));
    CHECK_FALSE(here.stored("unasked").has_value());
}

TEST_CASE("instances of another database of the same Redis are told nothing",
          "[redis][cache][P4]") {
    const RedisServer server;
    ClientConfig config = server.config();
    Instance here(config);
    config.url = *parse_redis_url(server.url() + "/1");
    Instance staging(config);
    Instance staging_too(config);
    REQUIRE(wait_for([&] { return here.heard() && staging.heard() && staging_too.heard(); }));
    staging.changes().link_changed(link("a", 9));
    REQUIRE(wait_for([&] { return staging_too.told("a") == 9; }));
    const auto raw = *BlockingClient::create(config);
    REQUIRE(raw->call(evict_command("a", 60s, 1)).has_value());
    // What is told later on the same connection comes later: it had its time.
    here.changes().link_changed(link("b", 1));
    REQUIRE(wait_for([&] { return here.told("b") == 1; }));
    CHECK(here.told("a") == 0);
    CHECK(staging.told("b") == 0);
    CHECK_FALSE(here.stored("a").has_value());
}

TEST_CASE("a silent or lost Redis is noticed, and changes made meanwhile arrive later",
          "[redis][cache][P4]") {
    RedisServer server;
    Instance here(server.config());
    Instance there(server.config());
    REQUIRE(wait_for([&] { return here.heard() && there.heard(); }));

    server.hang();
    CHECK(wait_for([&] { return !here.heard() && !there.heard(); }, 2s));
    for (std::uint64_t version = 2; version <= 50; ++version) {
        here.changes().link_changed(link("a", version));
    }
    server.go_on();
    CHECK(wait_for([&] { return here.heard() && there.heard(); }));
    CHECK(wait_for([&] { return there.stored("a") == 50U; }));

    server.kill();
    CHECK(wait_for([&] { return !here.heard() && !there.heard(); }, 2s));
    here.changes().link_changed(link("b", 7));
    here.changes().link_removed("a", 51);
    server.start();
    // Who hears again later than the change was told finds it in Redis.
    CHECK(wait_for([&] { return here.heard() && there.heard(); }));
    const auto stored = [&](const std::string& code, std::uint64_t version) {
        const auto found = there.find(code);
        return found && *found && version_of((*found)->known) == version;
    };
    CHECK(wait_for([&] { return stored("b", 7) && stored("a", 51); }));
}

TEST_CASE("an entry about to expire is refreshed by some askers before", "[redis][cache]") {
    const RedisServer server;
    Instance instance(server.config());
    auto created = BlockingClient::create(server.config());
    REQUIRE(created.has_value());
    const auto raw = std::move(*created);
    const auto share_refreshing = [&](std::chrono::milliseconds left) {
        // Fetched in 100 ms, an hour to live, `left` of it left.
        const std::int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count();
        const LinkValue value{known("a", 1), now_ms + left.count() - 3'600'000, 100'000us, 3'600s};
        REQUIRE(
            raw->call(Command("SET").key(link_key("a")).arg(encode_link_value(value))).has_value());
        int refreshing = 0;
        for (int times = 0; times < 200; ++times) {
            refreshing += (*instance.find("a"))->refresh_early ? 1 : 0;
        }
        return refreshing;
    };
    CHECK(share_refreshing(1'000'000ms) == 0);
    // exp(-2): 14 %.
    const int soon = share_refreshing(200ms);
    CHECK(soon > 0);
    CHECK(soon < 150);
    CHECK(share_refreshing(-1ms) == 200);
}
