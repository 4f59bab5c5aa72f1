#include "services/links/guarded_link_store.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::links;
using namespace std::chrono_literals;

namespace {

/// Answers every question with `failure`, or with nothing where there is none.
struct CountedStore final : LinkStore {
    Result<std::optional<Link>> find(std::string_view) override {
        return answer(std::optional<Link>());
    }
    Result<std::vector<Link>> find_by_ids(std::span<const std::uint64_t>) override {
        return answer(std::vector<Link>());
    }
    Result<std::vector<Result<Link>>> create(std::vector<Link>) override {
        return answer(std::vector<Result<Link>>());
    }
    Result<Link> update(std::string_view, const LinkPatch&) override { return answer(Link()); }
    Result<Link> remove(std::string_view) override { return answer(Link()); }
    Result<std::vector<Link>> list(std::string_view, std::size_t) override {
        return answer(std::vector<Link>());
    }
    Result<std::uint64_t> count() override { return answer(std::uint64_t{0}); }

    template <class T>
    Result<T> answer(T nothing) {
        ++calls;
        if (failure) return error(*failure, "it failed");
        return nothing;
    }
    int calls = 0;
    std::optional<Errc> failure = Errc::timed_out;
};

struct Guarded {
    const test::SilentLog silent;
    CountedStore store;
    CircuitBreaker breaker{{3, 60s}};
    std::int64_t now_ns = 1;
    GuardedLinkStore guarded{store, breaker, {"postgres", "lookups"}, [this] { return now_ns; }};
};

}  // namespace

TEST_CASE("lookups leave a store that fails alone, and ask it again once it was found well",
          "[links][M7]") {
    Guarded under;
    auto& [silent, store, breaker, now_ns, guarded] = under;
    for (int n = 0; n < 20; ++n) CHECK_FALSE(guarded.find("a").has_value());
    CHECK(store.calls == 3);
    CHECK(breaker.refused() == 17);
    CHECK_FALSE(guarded.find_by_id(1).has_value());
    CHECK(store.calls == 3);
    // A replica may answer these, and it says nothing of the primary that it does.
    store.failure.reset();
    CHECK(guarded.list("", 10).has_value());
    CHECK(guarded.count().has_value());
    CHECK(store.calls == 5);
    CHECK(guarded.find("a").error().code == Errc::unavailable);
    store.failure = Errc::timed_out;
    breaker.may_be_well(now_ns);
    CHECK_FALSE(guarded.list("", 10).has_value());
    CHECK_FALSE(guarded.find("a").has_value());
    CHECK(store.calls == 7);
    store.failure.reset();
    breaker.may_be_well(now_ns);
    CHECK(guarded.find("a").has_value());
    CHECK(guarded.list("", 10).has_value());
    CHECK_FALSE(breaker.is_open());
}

TEST_CASE("changes are not kept from a store whose lookups fail", "[links][M7]") {
    Guarded under;
    for (int n = 0; n < 5; ++n) CHECK_FALSE(under.guarded.find("a").has_value());
    CHECK(under.breaker.is_open());
    under.store.failure.reset();
    CHECK(under.guarded.create({}).has_value());
    CHECK(under.guarded.update("a", {}).has_value());
    CHECK(under.guarded.remove("a").has_value());
}

TEST_CASE("a store that refuses a question is not one that is out of reach", "[links][M7]") {
    Guarded under;
    under.store.failure = Errc::invalid_argument;
    for (int n = 0; n < 5; ++n) CHECK_FALSE(under.guarded.find("a").has_value());
    CHECK(under.store.calls == 5);
    CHECK_FALSE(under.breaker.is_open());
}
