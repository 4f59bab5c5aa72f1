#include "services/clicks/guarded_event_sink.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace std::chrono_literals;

namespace {

struct CountedSink final : EventSink {
    std::string_view name() const override { return "counted"; }
    Result<void> send(const EventBatch&) override { return answer(); }
    Result<void> outcome() override { return {}; }
    Result<std::vector<EventId>> present(const EventBatch&) override {
        if (auto answered = answer(); !answered) return answered.error();
        return std::vector<EventId>();
    }
    Result<void> answer() {
        ++calls;
        if (down) return error(Errc::unavailable, "it is down");
        return {};
    }
    int calls = 0;
    bool down = true;
};

}  // namespace

TEST_CASE("a store of rows that keeps failing is left alone, tried once, and used again",
          "[clicks][delivery]") {
    const qck::test::SilentLog silent;
    CountedSink store;
    std::int64_t now_ns = 1;
    GuardedEventSink sink(store, {5, 60s}, [&] { return now_ns; });
    const EventBatch batch;
    for (int n = 0; n < 5; ++n) {
        CHECK_FALSE((n % 2 == 0 ? sink.send(batch).has_value() : sink.present(batch).has_value()));
    }
    CHECK(sink.breaker().is_open());
    for (int n = 0; n < 100; ++n) CHECK_FALSE(sink.present(batch).has_value());
    CHECK(store.calls == 5);
    CHECK(sink.breaker().refused() == 100);
    CHECK(sink.breaker().open_until_ns() == 1 + 60'000'000'000);
    CHECK(sink.present(batch).error().message ==
          "counted is left alone after failures, the last of them: it is down");
    now_ns += 61'000'000'000;
    CHECK_FALSE(sink.present(batch).has_value());
    CHECK_FALSE(sink.send(batch).has_value());
    CHECK(store.calls == 6);
    store.down = false;
    now_ns += 61'000'000'000;
    CHECK(sink.present(batch).has_value());
    CHECK_FALSE(sink.breaker().is_open());
    CHECK(sink.insert(batch).has_value());
}
