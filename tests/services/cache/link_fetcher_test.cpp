#include "services/cache/link_fetcher.hpp"

#include <atomic>
#include <future>

#include "base/clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

/// Answers find() when told to; counts how often it was asked.
class SlowStore : public links::LinkStore {
public:
    std::promise<void> asked;
    std::promise<void> may_answer;
    std::atomic<int> finds{0};

    Result<std::optional<links::Link>> find(std::string_view code) override {
        if (++finds == 1) {
            asked.set_value();
            may_answer.get_future().wait();
        }
        links::Link link;
        link.id = 1;
        link.code = code;
        return std::optional(link);
    }
    Result<std::vector<links::Link>> find_by_ids(std::span<const std::uint64_t>) override {
        return unasked();
    }
    Result<std::vector<Result<links::Link>>> create(std::vector<links::Link>) override {
        return unasked();
    }
    Result<links::Link> update(std::string_view, const links::LinkPatch&) override {
        return unasked();
    }
    Result<links::Link> remove(std::string_view) override { return unasked(); }
    Result<std::vector<links::Link>> list(std::string_view, std::size_t) override {
        return unasked();
    }
    Result<std::uint64_t> count() override { return unasked(); }

private:
    static Error unasked() { return error(Errc::internal, "not asked for here"); }
};

}  // namespace

TEST_CASE("all who ask for a code before its lookup begins share one lookup", "[cache]") {
    SlowStore store;
    std::atomic<int> answers{0};
    std::promise<void> all;
    constexpr int askers = 50;
    {
        cache::LinkFetcher fetcher(store, 1, 10);
        REQUIRE(fetcher.fetch("another", [](const auto&) {}));
        store.asked.get_future().wait();
        for (int i = 0; i < askers; ++i) {
            REQUIRE(fetcher.fetch("viral", [&](const cache::LinkFetcher::Found& found) {
                if (found && *found && (*found)->code == "viral" && ++answers == askers)
                    all.set_value();
            }));
        }
        store.may_answer.set_value();
        REQUIRE(all.get_future().wait_for(10s) == std::future_status::ready);
    }
    CHECK(store.finds == 2);
    CHECK(answers == askers);
}

TEST_CASE("who asks while a lookup is under way is not given what it read before", "[cache][P4]") {
    SlowStore store;
    std::promise<void> answered;
    cache::LinkFetcher fetcher(store, 1, 10);
    REQUIRE(fetcher.fetch("viral", [](const auto&) {}));
    store.asked.get_future().wait();
    REQUIRE(fetcher.fetch("viral", [&](const auto&) { answered.set_value(); }));
    store.may_answer.set_value();
    REQUIRE(answered.get_future().wait_for(10s) == std::future_status::ready);
    CHECK(store.finds == 2);
}

TEST_CASE("more codes at once than allowed are refused, and not called back", "[cache]") {
    SlowStore store;
    std::atomic<int> answers{0};
    cache::LinkFetcher fetcher(store, 1, 2);
    const auto done = [&](const cache::LinkFetcher::Found&) { ++answers; };
    CHECK(fetcher.fetch("a", done));
    store.asked.get_future().wait();
    CHECK(fetcher.fetch("b", done));
    CHECK_FALSE(fetcher.fetch("c", done));
    CHECK(fetcher.fetch("b", done));
    store.may_answer.set_value();
}

namespace {

class FailingStore final : public SlowStore {
public:
    std::atomic<bool> is_well{false};
    Result<std::optional<links::Link>> find(std::string_view) override {
        ++finds;
        if (is_well) return std::optional<links::Link>();
        return error(Errc::timed_out, "it did not answer");
    }
};

}  // namespace

TEST_CASE("a store that fails is left alone, and asked again once somebody found it well",
          "[cache][M7]") {
    const test::SilentLog silent;
    FailingStore store;
    CircuitBreaker breaker({3, 1h});
    cache::LinkFetcher fetcher(store, 2, 10, &breaker);
    const auto found = [&](const std::string& code) {
        std::promise<bool> answer;
        REQUIRE(fetcher.fetch(code, [&](const cache::LinkFetcher::Found& link) {
            answer.set_value(link.has_value());
        }));
        return answer.get_future().get();
    };
    for (int n = 0; n < 20; ++n) CHECK_FALSE(found("a" + std::to_string(n)));
    CHECK(store.finds == 3);
    CHECK(breaker.refused() == 17);
    breaker.may_be_well(monotonic_ns());
    CHECK_FALSE(found("b"));
    CHECK_FALSE(found("c"));
    CHECK(store.finds == 4);
    store.is_well = true;
    breaker.may_be_well(monotonic_ns());
    CHECK(found("b"));
    CHECK(found("c"));
    CHECK_FALSE(breaker.is_open());
}
