#include "services/clicks/delivery_state.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::clicks;

namespace {

using Step = DeliveryState::Step;

SealedBatch batch_of(const Cursor& from, const Cursor& to,
                     std::vector<std::uint64_t> except_links = {}) {
    return {{}, std::move(except_links), {{2, from, to}}};
}

void deliver(DeliveryState& state, SealedBatch batch) {
    state.seal(std::move(batch));
    state.saved();
    if (state.next() == Step::ask) state.answered(false);
    state.acknowledged();
}

}  // namespace

TEST_CASE("a batch is saved before it is sent, and cursors move when it was taken",
          "[clicks][delivery]") {
    DeliveryState state;
    CHECK(state.next() == Step::seal);
    state.seal(batch_of({}, {1, 0, 640}));
    CHECK(state.next() == Step::save);
    CHECK(state.unsaved());
    state.saved();
    CHECK(state.next() == Step::send);
    state.outcome_unknown();
    CHECK(state.next() == Step::ask);
    CHECK(state.cursor(2) == Cursor{});
    state.answered(false);
    CHECK(state.next() == Step::send);
    state.outcome_unknown();
    state.answered(true);
    CHECK(state.next() == Step::seal);
    CHECK(state.cursor(2) == Cursor{1, 0, 640});
}

TEST_CASE("what was written down comes back, and what may have been sent is asked for",
          "[clicks][delivery]") {
    DeliveryState state;
    deliver(state, batch_of({}, {1, 0, 640}, {7, 9}));
    state.seal(batch_of({1, 0, 640}, {1, 1, 64}, {7}));
    const auto text = state.text(5);
    const auto back = DeliveryState::parse(text, 5);
    REQUIRE(back.has_value());
    CHECK(back->next() == Step::ask);
    CHECK(back->batch() == state.batch());
    CHECK(back->batch().token(5) == state.batch().token(5));
    CHECK(back->deferred() == state.deferred());
    CHECK(back->text(5) == text);
    CHECK(DeliveryState::parse(text, 6).error().code == Errc::conflict);
    CHECK(DeliveryState::parse(text.substr(0, text.size() / 2), 5).error().code == Errc::corrupt);
    CHECK(DeliveryState::parse("", 5).error().code == Errc::corrupt);
    CHECK(DeliveryState::parse("{}", 5).error().code == Errc::corrupt);
}

TEST_CASE("rows of deferred links are owed from where they were left out", "[clicks][delivery]") {
    DeliveryState state;
    deliver(state, batch_of({}, {1, 0, 640}));
    deliver(state, batch_of({1, 0, 640}, {1, 1, 64}, {7, 9}));
    deliver(state, batch_of({1, 1, 64}, {1, 2, 64}, {7}));
    const Stretch owed_of_7{2, {1, 0, 640}, {1, 2, 64}};
    REQUIRE(state.deferred().size() == 2);
    CHECK(state.deferred()[0] == DeferredStretch{7, owed_of_7});
    CHECK(state.needed().front().at == Cursor{1, 0, 640});
    CHECK(state.due({7})->links == std::vector<std::uint64_t>{9});
    CHECK_FALSE(state.due({7, 9}).has_value());

    SealedBatch owed;
    owed.only_links = {7};
    owed.stretches = {{2, {1, 0, 640}, {1, 1, 640}}};
    state.seal(owed);
    state.saved();
    CHECK(state.next() == Step::ask);  // a repair may have brought them
    state.answered(true);
    CHECK(state.deferred()[0].stretch == Stretch{2, {1, 1, 640}, {1, 2, 64}});
    CHECK(state.cursor(2) == Cursor{1, 2, 64});
}

TEST_CASE("a stretch that is owed to many links is read once", "[clicks][delivery]") {
    DeliveryState state;
    deliver(state, batch_of({}, {1, 0, 640}, {7}));
    deliver(state, batch_of({1, 0, 640}, {1, 1, 64}, {7, 8, 9}));
    deliver(state, batch_of({1, 1, 64}, {1, 2, 64}, {8, 9, 10}));
    std::vector<OwedRows> read;
    while (const auto owed = state.due({10})) {
        read.push_back(*owed);
        SealedBatch batch;
        batch.only_links = owed->links;
        batch.stretches = {owed->stretch};
        const auto name = batch.token(5);
        state.seal(std::move(batch));
        CHECK(DeliveryState::parse(state.text(5), 5)->batch().token(5) == name);
        state.saved();
        REQUIRE(state.next() == Step::ask);
        state.answered(false);
        state.acknowledged();
    }
    const std::vector<OwedRows> wanted{{{7}, {2, {}, {1, 0, 640}}},
                                       {{7, 8, 9}, {2, {1, 0, 640}, {1, 1, 64}}},
                                       {{8, 9}, {2, {1, 1, 64}, {1, 2, 64}}}};
    CHECK(read == wanted);
    REQUIRE(state.deferred().size() == 1);
    CHECK(state.deferred()[0].link_id == 10);
}

TEST_CASE("after a rewind everything is asked for up to where it was", "[clicks][delivery]") {
    DeliveryState state;
    deliver(state, batch_of({}, {1, 0, 640}, {7}));
    state.rewind();
    CHECK(state.verifying());
    CHECK(state.cursor(2) == Cursor{});
    CHECK(state.deferred().empty());
    state.seal(batch_of({}, {1, 0, 320}));
    state.saved();
    CHECK(state.next() == Step::ask);
    const auto back = DeliveryState::parse(state.text(5), 5);
    REQUIRE(back.has_value());
    CHECK(back->verifying());
    state.answered(true);
    CHECK(state.verifying());
    state.seal(batch_of({1, 0, 320}, {1, 0, 960}));
    state.saved();
    CHECK(state.next() == Step::ask);
    state.answered(true);
    CHECK_FALSE(state.verifying());
}

TEST_CASE("a batch has one name until everything is read again", "[clicks][delivery]") {
    DeliveryState state;
    const auto sealed = [&] {
        SealedBatch batch = batch_of({}, {1, 0, 640});
        batch.pass = state.pass();
        return batch;
    };
    state.seal(sealed());
    const auto name = state.batch().token(5);
    state.saved();
    state.sent();
    state.outcome_unknown();
    CHECK(state.batch().token(5) == name);
    state.answered(false);
    CHECK(state.batch().token(5) == name);
    state.acknowledged();
    // A store remembers the names of rows that it lost since.
    state.rewind();
    state.seal(sealed());
    const auto again = state.batch().token(5);
    CHECK(again != name);
    // That name, too, is the same after a crash.
    const auto back = DeliveryState::parse(state.text(5), 5);
    REQUIRE(back.has_value());
    CHECK(back->batch().token(5) == again);
    CHECK(back->pass() == 1);
}

TEST_CASE("batches of other stretches or links have other tokens", "[clicks][delivery]") {
    const SealedBatch one = batch_of({}, {1, 0, 640});
    CHECK(one.token(5) == batch_of({}, {1, 0, 640}).token(5));
    CHECK(one.token(5) != one.token(6));
    CHECK(one.token(5) != batch_of({}, {1, 0, 656}).token(5));
    CHECK(one.token(5) != batch_of({}, {1, 0, 640}, {1}).token(5));
}
