#include "cli/commands/event_feed.hpp"

#include "tests/support/catch.hpp"

using qck::commands::EventFeed;

namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

}  // namespace

TEST_CASE("who comes late is told the head of the run, what was before, and then what is new",
          "[cli][live]") {
    EventFeed feed;
    EventFeed::Reader reader;
    CHECK(feed.next(reader).empty());
    feed.begin("{h}");
    for (const char* state : {"{1}", "{2}", "{3}"}) feed.add_state(state);
    feed.set_agents("{a}");
    CHECK(feed.has_more(reader));
    CHECK(feed.next(reader) ==
          "event: run\ndata: {h}\n\nevent: state\ndata: {1}\n\nevent: state\ndata: {2}\n\n"
          "event: state\ndata: {3}\n\nevent: agents\ndata: {a}\n\n");
    CHECK_FALSE(feed.has_more(reader));
    CHECK(feed.next(reader).empty());
    feed.add_state("{4}");
    feed.set_agents("{a}");
    CHECK(feed.next(reader) == "event: state\ndata: {4}\n\n");
    feed.end("{e}");
    CHECK(feed.next(reader) == "event: finished\ndata: {e}\n\n");
}

TEST_CASE("who is slow is told the newest state and skips the others", "[cli][live]") {
    EventFeed feed;
    EventFeed::Reader reader;
    feed.begin("{h}");
    feed.next(reader);
    for (int i = 0; i < 1000; ++i) feed.add_state("{" + std::to_string(i) + "}");
    CHECK(feed.next(reader) == "event: state\ndata: {999}\n\n");
}

TEST_CASE("of a long run so many states are kept, evenly, with the first and the newest",
          "[cli][live]") {
    EventFeed feed;
    feed.begin("{h}");
    for (int i = 0; i < 100'000; ++i) feed.add_state("{" + std::to_string(i) + "}");
    EventFeed::Reader late;
    const std::string told = feed.next(late);
    const std::size_t states = count_of(told, "event: state");
    CHECK(states <= EventFeed::states_max + 1);
    CHECK(states >= EventFeed::states_max / 2);
    CHECK(count_of(told, "data: {0}\n") == 1);
    CHECK(count_of(told, "data: {256}\n") == 1);
    CHECK(count_of(told, "data: {512}\n") == 1);
    CHECK(count_of(told, "data: {257}\n") == 0);
    CHECK(count_of(told, "data: {99999}\n") == 1);
    CHECK_FALSE(feed.has_more(late));
}

TEST_CASE("another run forgets the one before, for those who watched it too", "[cli][live]") {
    EventFeed feed;
    feed.begin("{h1}");
    feed.add_state("{1}");
    feed.end("{e1}");
    EventFeed::Reader reader;
    feed.next(reader);
    feed.begin("{h2}");
    CHECK(feed.next(reader) == "event: run\ndata: {h2}\n\n");
    feed.add_state("{2}");
    EventFeed::Reader late;
    CHECK(feed.next(late) == "event: run\ndata: {h2}\n\nevent: state\ndata: {2}\n\n");
    CHECK(feed.next(reader) == "event: state\ndata: {2}\n\n");
}

TEST_CASE("an end without a run is told to everybody", "[cli][live]") {
    EventFeed feed;
    EventFeed::Reader reader;
    feed.end("{e}");
    CHECK(feed.next(reader) == "event: finished\ndata: {e}\n\n");
}
