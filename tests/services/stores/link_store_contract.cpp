#include "tests/services/stores/link_store_contract.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "services/links/link_rules.hpp"

using namespace qck;
using links::Link;
using links::LinkPatch;
using test::link_to;
using test::new_target;

namespace {

/// What every test begins with.
class Stored {
public:
    Stored() : kept_(test::make_stored_links()), store(&kept_->store()), writer(&kept_->writer()) {}

    Result<Link> create(Link link) { return test::create_one(*store, std::move(link)); }
    void observe(links::LinkObserver& observer) { kept_->observe(observer); }
    links::LinkOutbox& outbox() { return kept_->outbox(); }
    void close() { kept_->close(); }

private:
    std::unique_ptr<test::StoredLinks> kept_;

public:
    links::LinkStore* store;
    links::LinkWriter* writer;
};

class RecordingObserver : public links::LinkObserver {
public:
    explicit RecordingObserver(links::LinkStore& store) : store_(store) {}
    void link_created(const Link& link) override { note("created", link.code, link.version); }
    void link_changed(const Link& link) override { note("changed", link.code, link.version); }
    void link_removed(std::string_view code, std::uint64_t version) override {
        note("removed", code, version);
    }
    std::vector<std::string> events;

private:
    void note(const char* what, std::string_view code, std::uint64_t version) {
        // Whoever is told must be able to read what it was told of.
        const auto found = store_.find(code);
        const auto seen = found && *found ? std::to_string((*found)->version) : "none";
        events.push_back(std::string(what) + " " + std::string(code) + " " +
                         std::to_string(version) + " reads " + seen);
    }
    links::LinkStore& store_;
};

}  // namespace

TEST_CASE("a created link is found by code and by id with every field", "[links][contract]") {
    Stored stored;
    auto link = link_to("https://example.com/?a=\xc3\xa9", "promo");
    link.status = 308;
    link.max_age_s = 0;
    link.expires_at_ms = 4'102'444'800'123;
    const auto created = stored.create(link);
    REQUIRE(created.has_value());
    CHECK(created->id != 0);
    CHECK(created->version == 1);
    for (const auto& found : {stored.store->find("promo"), stored.store->find_by_id(created->id)}) {
        REQUIRE((found.has_value() && found->has_value()));
        const Link& read = **found;
        CHECK(read.id == created->id);
        CHECK(read.code == "promo");
        CHECK(read.target == link.target);
        CHECK(read.status == 308);
        CHECK(read.max_age_s == 0U);
        CHECK(read.expires_at_ms == 4'102'444'800'123);
        CHECK(read.created_at_ms == 1000);
    }
    CHECK_FALSE(stored.store->find("Promo")->has_value());
    CHECK_FALSE(stored.store->find_by_id(1)->has_value());
}

TEST_CASE("links are found by many ids at once, and missing ones are left out",
          "[links][contract]") {
    Stored stored;
    std::vector<std::uint64_t> ids{1};
    for (const char* code : {"one", "two", "three"}) {
        const auto created = stored.create(link_to("https://example.com/", code));
        REQUIRE(created.has_value());
        ids.push_back(created->id);
    }
    const auto codes = links::codes_by_id(*stored.store, ids);
    REQUIRE(codes.has_value());
    CHECK(*codes == links::CodesById{{ids[1], "one"}, {ids[2], "two"}, {ids[3], "three"}});
    CHECK(stored.store->find_by_ids({})->empty());
}

TEST_CASE("a link without a code is given a valid one that nobody has", "[links][contract]") {
    Stored stored;
    std::set<std::string> codes;
    for (int i = 0; i < 100; ++i) {
        const auto created = stored.create(link_to("https://example.com/"));
        REQUIRE(created.has_value());
        CHECK(links::check_code(created->code).has_value());
        CHECK(codes.insert(created->code).second);
    }
}

TEST_CASE("a taken code is a conflict of its link alone", "[links][contract]") {
    Stored stored;
    const auto first = stored.create(link_to("https://a.example/", "x"));
    auto outcomes = stored.store->create({link_to("https://b.example/", "y"),
                                          link_to("https://c.example/", "x"),
                                          link_to("https://d.example/", "z")});
    REQUIRE(outcomes.has_value());
    REQUIRE(outcomes->size() == 3);
    CHECK((*outcomes)[0].has_value());
    REQUIRE_FALSE((*outcomes)[1].has_value());
    CHECK((*outcomes)[1].error().code == Errc::conflict);
    CHECK((*outcomes)[1].error().message == "code \"x\" is taken (choose another)");
    CHECK((*outcomes)[2].has_value());
    CHECK((*stored.store->find("x"))->target == "https://a.example/");
    CHECK(*stored.store->count() == 3);
}

TEST_CASE("a batch that stops at a conflict stores nothing after it", "[links][contract]") {
    Stored stored;
    stored.create(link_to("https://a.example/", "x"));
    std::promise<std::size_t> answered;
    stored.writer->create_later(
        {link_to("https://b.example/", "y"), link_to("https://c.example/", "x"),
         link_to("https://d.example/", "z")},
        links::OnConflict::stop,
        [&](Result<std::vector<Result<Link>>> outcomes) { answered.set_value(outcomes->size()); });
    CHECK(answered.get_future().get() == 2);
    CHECK(stored.store->find("y")->has_value());
    CHECK_FALSE(stored.store->find("z")->has_value());
}

TEST_CASE("an edit changes what it names and raises the version", "[links][contract]") {
    Stored stored;
    auto link = link_to("https://a.example/", "x");
    link.max_age_s = 60;
    link.expires_at_ms = 4'000'000'000'000;
    stored.create(link);

    LinkPatch patch;
    patch.target = "https://b.example/";
    patch.max_age_s = std::optional<std::uint32_t>{};
    const auto changed = stored.store->update("x", patch);
    REQUIRE(changed.has_value());
    CHECK(changed->target == "https://b.example/");
    CHECK_FALSE(changed->max_age_s.has_value());
    CHECK(changed->expires_at_ms == 4'000'000'000'000);
    CHECK(changed->version == 2);
    CHECK((*stored.store->find("x"))->version == 2);

    CHECK(stored.store->update("none", patch).error().code == Errc::not_found);
    patch.if_version = 1;
    CHECK(stored.store->update("x", patch).error().code == Errc::conflict);
    patch.if_version = 2;
    CHECK(stored.store->update("x", patch)->version == 3);
}

TEST_CASE("a code that was removed and used again goes on above its tombstone",
          "[links][contract]") {
    Stored stored;
    const auto first = stored.create(link_to("https://a.example/", "x"));
    stored.store->update("x", new_target("https://b.example/"));
    const auto removed = stored.store->remove("x");
    REQUIRE(removed.has_value());
    CHECK(removed->version == 3);
    CHECK_FALSE(stored.store->find("x")->has_value());
    CHECK(stored.store->remove("x").error().code == Errc::not_found);

    const auto second = stored.create(link_to("https://c.example/", "x"));
    REQUIRE(second.has_value());
    CHECK(second->version == 4);
    CHECK(second->id > first->id);
}

TEST_CASE("a list goes through all codes in order, page by page", "[links][contract]") {
    Stored stored;
    std::vector<Link> links;
    std::set<std::string> expected;
    for (int i = 0; i < 250; ++i) {
        links.push_back(link_to("https://a.example/", "c" + std::to_string(i)));
        expected.insert(links.back().code);
    }
    REQUIRE(stored.store->create(links).has_value());
    std::vector<std::string> listed;
    std::string after;
    while (true) {
        const auto page = stored.store->list(after, 100);
        REQUIRE(page.has_value());
        if (page->empty()) break;
        for (const auto& link : *page) listed.push_back(link.code);
        after = listed.back();
    }
    CHECK(listed == std::vector<std::string>(expected.begin(), expected.end()));
}

TEST_CASE("the observer is told of each change after its commit", "[links][contract]") {
    Stored stored;
    RecordingObserver observer(*stored.store);
    stored.observe(observer);
    stored.create(link_to("https://a.example/", "x"));
    stored.create(link_to("https://a.example/", "x"));
    stored.store->update("x", new_target("https://b.example/"));
    stored.store->update("none", new_target("https://b.example/"));
    stored.store->remove("x");
    stored.close();
    CHECK(observer.events == std::vector<std::string>{"created x 1 reads 1", "changed x 2 reads 2",
                                                      "removed x 3 reads none"});
}

TEST_CASE("changes of codes that existed are noted until they are forgotten", "[links][contract]") {
    Stored stored;
    auto& store = *stored.store;
    const auto noted = [&](std::size_t limit = 100) {
        auto changes = stored.outbox().noted(std::chrono::milliseconds(0), limit);
        REQUIRE(changes.has_value());
        std::map<std::string, links::NotedChange> by_code;
        for (auto& change : *changes) by_code[change.code] = change;
        return by_code;
    };
    for (const char* const code : {"edited", "removed", "again", "fresh"}) {
        REQUIRE(stored.create(link_to("https://a.example/", code)).has_value());
    }
    CHECK(noted().empty());
    REQUIRE(store.update("edited", new_target("https://b.example/")).has_value());
    REQUIRE(store.update("edited", new_target("https://c.example/")).has_value());
    REQUIRE(store.remove("removed").has_value());
    REQUIRE(store.remove("again").has_value());
    REQUIRE(stored.create(link_to("https://d.example/", "again")).has_value());
    CHECK_FALSE(store.update("nobody", new_target("https://b.example/")).has_value());

    auto changes = noted();
    REQUIRE(changes.size() == 3);
    CHECK(changes["edited"].version == 3);
    REQUIRE(changes["edited"].link);
    CHECK(changes["edited"].link->target == "https://c.example/");
    CHECK(changes["edited"].link->version == 3);
    CHECK_FALSE(changes["removed"].link);
    CHECK(changes["removed"].absent_version == 2);
    REQUIRE(changes["again"].link);
    CHECK(changes["again"].link->version == 3);
    CHECK(noted(2).size() == 2);
    CHECK(stored.outbox().noted(std::chrono::hours(1), 100)->empty());

    // What was noted since stays.
    const std::vector<links::VersionOfCode> told{{"edited", 2}, {"removed", 2}, {"nobody", 9}};
    REQUIRE(stored.outbox().forget(told).has_value());
    changes = noted();
    CHECK(changes.size() == 2);
    CHECK(changes.count("edited") == 1);
    CHECK(changes.count("removed") == 0);
}

TEST_CASE("many threads create, edit, remove and read at once", "[links][contract]") {
    Stored stored;
    constexpr int threads_count = 8;
    constexpr int per_thread = 300;
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_count; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < per_thread; ++i) {
                const auto code = std::to_string(t) + "-" + std::to_string(i);
                if (!stored.create(link_to("https://a.example/", code))) ++wrong;
                const auto found = stored.store->find(code);
                if (!found || !*found) ++wrong;
                if (i % 3 == 0 && !stored.store->update(code, new_target("https://b.example/")))
                    ++wrong;
                if (i % 3 == 1 && !stored.store->remove(code)) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(*stored.store->count() == threads_count * per_thread * 2 / 3);
}

TEST_CASE("of many threads that want one code exactly one gets it", "[links][contract]") {
    Stored stored;
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> created{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 6; ++t) {
            threads.emplace_back([&] {
                if (stored.create(link_to("https://a.example/", "c" + std::to_string(round)))) {
                    ++created;
                }
            });
        }
        for (auto& thread : threads) thread.join();
        CHECK(created == 1);
    }
}
