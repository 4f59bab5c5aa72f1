#include "services/cache/link_fetcher.hpp"

#include <atomic>
#include <future>

#include "tests/support/catch.hpp"

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
