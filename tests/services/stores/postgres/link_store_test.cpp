#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "services/stores/postgres/postgres_link_outbox.hpp"
#include "services/stores/postgres/postgres_link_store.hpp"
#include "tests/services/stores/link_store_contract.hpp"
#include "tests/services/stores/postgres/shared_server.hpp"
#include "tests/support/eventually.hpp"

using namespace qck;
using namespace qck::postgres;
using namespace qck::test;
using links::Link;
using namespace std::chrono_literals;

namespace {

/// An instance's store, with pools of its own.
class Instance : public StoredLinks {
public:
    explicit Instance(const std::string& url, ChangeQueueOptions options = {})
        : Instance(quick_pool(url), quick_pool(url), options) {}
    Instance(const PoolOptions& primary, const PoolOptions& replica,
             ChangeQueueOptions options = {})
        : primary_(primary),
          replica_(replica),
          store_(primary_, replica_, options),
          outbox_(primary_) {}

    PostgresLinkStore& store() override { return store_; }
    PostgresLinkStore& writer() override { return store_; }
    void observe(links::LinkObserver& observer) override { store_.observe(observer); }
    links::LinkOutbox& outbox() override { return outbox_; }
    void close() override { store_.close(); }
    Result<Link> create(Link link) { return create_one(store_, std::move(link)); }

private:
    Pool primary_;
    Pool replica_;
    PostgresLinkStore store_;
    PostgresLinkOutbox outbox_;
};

/// What instances do to a handful of codes at once. `wrong` counts outcomes that cannot be, and
/// versions of a code that did not grow from one change that was answered to the next.
struct Storm {
    std::atomic<int> wrong{0};
    std::atomic<int> changed{0};

    void run(links::LinkStore& store, unsigned seed, int rounds) {
        SplitMix64 random(seed);
        for (int i = 0; i < rounds; ++i) {
            const auto code = "s" + std::to_string(random.next() % 5);
            const auto kind = random.next() % 3;
            const auto outcome = kind == 0 ? create_one(store, link_to("https://a.example/", code))
                                 : kind == 1 ? store.update(code, new_target("https://b.example/"))
                                             : store.remove(code);
            if (outcome) {
                ++changed;
                note(code, outcome->version);
            } else if (outcome.error().code != (kind == 0 ? Errc::conflict : Errc::not_found)) {
                UNSCOPED_INFO(outcome.error().message);
                ++wrong;
            }
        }
    }

private:
    void note(const std::string& code, std::uint64_t version) {
        const std::lock_guard lock(mutex_);
        if (!versions_[code].insert(version).second) ++wrong;
    }
    std::mutex mutex_;
    std::map<std::string, std::set<std::uint64_t>> versions_;
};

}  // namespace

std::unique_ptr<StoredLinks> qck::test::make_stored_links() {
    return std::make_unique<Instance>(with_schema(shared_server().make_database()),
                                      ChangeQueueOptions{.note = Note::changes});
}

TEST_CASE("instances with the same ids and codes in mind all get their links",
          "[postgres][links]") {
    const auto url = with_schema(shared_server().make_database());
    // The same node number, so their ids collide; the database says so, and they take others.
    constexpr int instances_count = 3;
    constexpr int batches = 40;
    constexpr int batch = 25;
    std::atomic<int> failed{0};
    std::vector<std::thread> instances;
    for (int n = 0; n < instances_count; ++n) {
        instances.emplace_back([&] {
            Instance instance(url, {.node = 7});
            for (int i = 0; i < batches; ++i) {
                const auto created = instance.store().create(
                    std::vector<Link>(batch, link_to("https://a.example/")));
                if (!created) {
                    ++failed;
                    continue;
                }
                for (const auto& link : *created) failed += link ? 0 : 1;
            }
        });
    }
    for (auto& instance : instances) instance.join();
    CHECK(failed == 0);
    CHECK(shared_server().sql("SELECT count(*), count(DISTINCT id) FROM links", database_of(url)) ==
          "3000|3000\n");
}

TEST_CASE("a taken id that was not asked for is exchanged for another", "[postgres][links]") {
    const auto url = with_schema(shared_server().make_database());
    Instance instance(url, {.node = 7});
    const auto first = instance.create(link_to("https://a.example/", "first"));
    REQUIRE(first.has_value());
    // The ids that this instance will give next are all there already.
    shared_server().sql(
        "INSERT INTO links(id, short_code, target_url, status, created_at, updated_at)"
        " SELECT id, 'taken' || id, '', 302, now(), now() FROM (SELECT "
        "((extract(epoch FROM now()) * 1000)::bigint - 1704067200000 + n << 22) + (7 << 12)"
        " AS id FROM generate_series(0, 5000) AS n) AS ids",
        database_of(url));
    const auto second = instance.create(link_to("https://a.example/", "second"));
    REQUIRE(second.has_value());
    CHECK((*instance.store().find_by_id(second->id))->code == "second");
}

TEST_CASE("of instances that want the same codes exactly one gets each", "[postgres][links]") {
    const auto url = with_schema(shared_server().make_database());
    std::atomic<int> created{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> instances;
    for (int n = 0; n < 3; ++n) {
        instances.emplace_back([&, n] {
            Instance instance(url, {.node = static_cast<std::uint16_t>(n)});
            for (int i = 0; i < 30; ++i) {
                std::vector<Link> links;
                for (int c = 0; c < 20; ++c) {
                    const int number = n % 2 == 0 ? c : 19 - c;  // in opposite orders
                    links.push_back(link_to("https://a.example/", "c" + std::to_string(i) + "-" +
                                                                      std::to_string(number)));
                }
                const auto outcomes = instance.store().create(std::move(links));
                if (!outcomes) {
                    ++wrong;
                    continue;
                }
                for (const auto& outcome : *outcomes) created += outcome ? 1 : 0;
            }
        });
    }
    for (auto& instance : instances) instance.join();
    CHECK(wrong == 0);
    CHECK(created == 600);
}

TEST_CASE("no version of a code is given twice, however instances edit, remove and create",
          "[postgres][links]") {
    const auto seed = static_cast<unsigned>(monotonic_ns());
    INFO("seed " << seed);
    const auto url = with_schema(shared_server().make_database());
    Storm storm;
    std::vector<std::thread> instances;
    for (unsigned n = 0; n < 4; ++n) {
        instances.emplace_back([&, n] {
            Instance instance(url, {.node = static_cast<std::uint16_t>(n)});
            std::thread other([&] { storm.run(instance.store(), seed + n + 100, 150); });
            storm.run(instance.store(), seed + n, 150);
            other.join();
        });
    }
    for (auto& instance : instances) instance.join();
    CHECK(storm.wrong == 0);
    CHECK(storm.changed > 100);
}

TEST_CASE("a link that the server refuses spoils no other", "[postgres][links]") {
    Instance instance(with_schema(shared_server().make_database()));
    std::vector<std::future<bool>> outcomes;
    for (int i = 0; i < 20; ++i) {
        auto link = link_to("https://a.example/", "c" + std::to_string(i));
        if (i == 7) link.target = "https://a.example/\xff";  // no UTF-8
        auto answered = std::make_shared<std::promise<bool>>();
        outcomes.push_back(answered->get_future());
        instance.writer().create_later({link}, links::OnConflict::go_on,
                                       [answered](const Result<std::vector<Result<Link>>>& result) {
                                           answered->set_value(result.has_value());
                                       });
    }
    for (int i = 0; i < 20; ++i) CHECK(outcomes[static_cast<std::size_t>(i)].get() == (i != 7));
    CHECK(*instance.store().count() == 19);
    CHECK_FALSE(instance.store().find("\xff")->has_value());
}

TEST_CASE("a full queue refuses a change at once, and so does a closed one", "[postgres][links]") {
    Instance instance(with_schema(shared_server().make_database()), {.changes_max = 2});
    std::atomic<int> refused{0};
    std::atomic<int> answered{0};
    for (int i = 0; i < 200; ++i) {
        instance.writer().remove_later("x", [&](const Result<Link>& outcome) {
            ++answered;
            if (outcome.error().code == Errc::unavailable) ++refused;
        });
    }
    instance.close();
    CHECK(answered == 200);
    CHECK(refused > 0);
    instance.writer().remove_later("x", [&](const Result<Link>&) { ++refused; });
    CHECK(refused > 1);
}

TEST_CASE("a store works through PgBouncer in transaction mode", "[postgres][links]") {
    const auto url = with_schema(shared_server().make_database());
    const PgBouncer bouncer(shared_server());
    const auto through = bouncer.url(database_of(url));
    // Six connections of clients share two of the server.
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n) {
        threads.emplace_back([&, n] {
            Instance instance(through, {.node = static_cast<std::uint16_t>(n)});
            for (int i = 0; i < 50; ++i) {
                const auto code = std::to_string(n) + "-" + std::to_string(i);
                if (!instance.create(link_to("https://a.example/", code))) ++wrong;
                const auto changed =
                    instance.store().update(code, new_target("https://b.example/"));
                if (!changed || changed->version != 2) ++wrong;
                const auto found = instance.store().find(code);
                if (!found || !*found || (*found)->target != "https://b.example/") ++wrong;
                if (i % 2 == 0 && !instance.store().remove(code)) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    Instance after(through);
    CHECK(*after.store().count() == 75);
}

TEST_CASE("lists come from the replica, and from the primary while that is gone",
          "[postgres][links][replica]") {
    PostgresServer primary;
    with_schema(primary.url());
    const auto replica = PostgresServer::replica_of(primary);
    Instance instance(quick_pool(primary.url()), quick_pool(replica->url()));
    REQUIRE(instance.create(link_to("https://a.example/", "x")).has_value());
    CHECK(within(5s, [&] { return *instance.store().count() == 1; }));
    CHECK(replica->sql("SELECT pg_is_in_recovery()") == "t\n");
    CHECK(replica->sql("SELECT sum(numbackends) > 0 FROM pg_stat_database") == "t\n");

    replica->kill();
    REQUIRE(instance.create(link_to("https://a.example/", "y")).has_value());
    const auto listed = instance.store().list("", 10);
    REQUIRE(listed.has_value());
    CHECK(listed->size() == 2);

    // A replica takes no changes, and the store says what is wrong.
    replica->start();
    Instance mistaken(replica->url());
    const auto refused = mistaken.create(link_to("https://a.example/", "z"));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::unavailable);
}

TEST_CASE("every create that was answered is there after the server was killed",
          "[postgres][links][faults][kill]") {
    PostgresServer server;
    with_schema(server.url());
    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::set<std::string> refused;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    Instance instance(server.url());
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; !stop; ++i) {
                const auto code = std::to_string(t) + "-" + std::to_string(i);
                const auto created = instance.create(link_to("https://a.example/", code));
                const std::lock_guard lock(mutex);
                if (created) acknowledged.insert(code);
                if (!created && created.error().code == Errc::unavailable) refused.insert(code);
            }
        });
    }
    const auto acknowledged_count = [&] {
        const std::lock_guard lock(mutex);
        return acknowledged.size();
    };
    for (int round = 0; round < 4; ++round) {
        const auto before = acknowledged_count();
        CHECK(within(10s, [&] { return acknowledged_count() > before + 200; }));
        server.kill();
        server.start();
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    std::set<std::string> there;
    CHECK(within(5s, [&] { return instance.store().count().has_value(); }));
    std::string after;
    while (true) {
        const auto page = instance.store().list(after, 1000);
        REQUIRE(page.has_value());
        if (page->empty()) break;
        for (const auto& link : *page) there.insert(link.code);
        after = page->back().code;
    }
    for (const auto& code : acknowledged) REQUIRE(there.contains(code));
    // Nor is there what was refused: a commit without an answer was asked for.
    for (const auto& code : refused) REQUIRE_FALSE(there.contains(code));
}

TEST_CASE("a commit whose answer was lost is asked for, and told as what it was",
          "[postgres][links][faults]") {
    PostgresServer server;
    with_schema(server.url());
    auto options = quick_pool(server.url());
    options.statement_timeout = 300ms;
    Instance instance(options, options);
    REQUIRE(instance.create(link_to("https://a.example/", "x")).has_value());
    // The server commits, and answers only when a replica has it too: there is none.
    const auto set = [&](const std::string& names) {
        server.sql("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'");
        server.sql("SELECT pg_reload_conf()");
    };
    // 300 ms after it began the writer gives the connection up, and asks.
    const auto in_doubt = [&](const std::function<Result<Link>()>& change) {
        set("nobody");
        REQUIRE(
            within(5s, [&] { return server.sql("SHOW synchronous_standby_names") == "nobody\n"; }));
        const std::string begin = server.sql("SELECT clock_timestamp()");
        auto changed = std::async(std::launch::async, change);
        REQUIRE(within(5s, [&] {
            return server.sql(
                       "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%txid_status%'"
                       " AND pid <> pg_backend_pid() AND query_start > '" +
                       begin + "'") == "t\n";
        }));
        set("");
        auto outcome = changed.get();
        INFO((outcome ? "" : outcome.error().message));
        REQUIRE(outcome.has_value());
        return *outcome;
    };
    in_doubt([&] { return instance.create(link_to("https://a.example/", "y")); });
    CHECK((*instance.store().find("y")).has_value());
    // Done once, though it could be done twice.
    const auto edited =
        in_doubt([&] { return instance.store().update("x", new_target("https://b.example/")); });
    CHECK(edited.version == 2);
    CHECK((*instance.store().find("x"))->version == 2);
}

TEST_CASE("a server that hangs delays an answer for a bounded time, and is used again after",
          "[postgres][links][faults]") {
    PostgresServer server;
    with_schema(server.url());
    auto options = quick_pool(server.url());
    options.statement_timeout = 300ms;
    Instance instance(options, options, {.doubt_max = 500ms});
    REQUIRE(instance.create(link_to("https://a.example/", "x")).has_value());
    server.hang();
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(instance.store().find("x").has_value());
    CHECK_FALSE(instance.create(link_to("https://a.example/", "y")).has_value());
    CHECK(std::chrono::steady_clock::now() - begin < 8s);
    server.go_on();
    CHECK(within(5s, [&] { return instance.store().find("x").has_value(); }));
    CHECK(within(5s, [&] { return instance.create(link_to("https://a.example/")).has_value(); }));
}
