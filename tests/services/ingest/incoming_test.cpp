#include "services/ingest/incoming.hpp"

#include <cstdio>
#include <random>
#include <string>

#include "services/ingest/body.hpp"
#include "services/links/time_text.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::ingest;

namespace {

constexpr std::int64_t now_ms = 1'790'000'000'000;

/// Reads as the handler does; keeps what the views point into.
class Reader {
public:
    Result<IncomingEvent> event(const std::string& json) {
        const auto fields = read(json);
        if (!fields) return fields.error();
        return event_from(*fields, now_ms);
    }
    Result<IncomingClick> click(const std::string& json) {
        const auto fields = read(json);
        if (!fields) return fields.error();
        return click_from(*fields, now_ms);
    }

private:
    Result<std::span<const Field>> read(const std::string& json) {
        padded_ = json + std::string(padding_bytes, ' ');
        arena_.clear(padded_.size());
        return reader_.read(std::string_view(padded_).substr(0, json.size()), arena_);
    }

    FlatObjectReader reader_;
    StringArena arena_;
    std::string padded_;
};

std::vector<std::string> items(std::string body, std::string_view type) {
    const std::size_t size = body.size();
    body.append(padding_bytes, ' ');
    const std::string_view view = std::string_view(body).substr(0, size);
    FlatObjectReader reader;
    std::vector<Item> found;
    const auto form = form_of(type, view);
    if (!form || !cut(view, *form, 100, reader, found)) return {"failed"};
    std::vector<std::string> texts;
    for (const Item& item : found) {
        texts.push_back(std::to_string(item.line) + ":" + std::string(item.json));
    }
    return texts;
}

}  // namespace

TEST_CASE("an event is read field by field", "[ingest]") {
    Reader reader;
    const auto event = reader.event(
        R"({"event_id":"a\u002d1","event_type":"sale","timestamp":"2026-09-21T14:13:20.5Z",)"
        R"("product_id":"p\"7","order_amount":-19.99})");
    REQUIRE(event.has_value());
    CHECK(event->event_id == "a-1");
    CHECK(event->type == "sale");
    CHECK(event->time_ms == 1'790'000'000'500);
    CHECK(event->product == "p\"7");
    CHECK(event->has_amount);
    CHECK(event->amount_micros == -19'990'000);

    const auto least = reader.event(R"({"event_type":"view","order_amount":null})");
    REQUIRE(least.has_value());
    CHECK(least->time_ms == now_ms);
    CHECK_FALSE(least->has_amount);
    CHECK(reader.event(R"({"event_type":"v","timestamp":1789999999999})")->time_ms ==
          1'789'999'999'999);
    CHECK(reader.event(R"({"event\u005ftype":"v"})")->type == "v");
}

TEST_CASE("P6: each wrong field is named with what was expected", "[ingest]") {
    const std::pair<std::string, std::string> wrong[] = {
        {R"({})", "event_type: missing (a string of 1 to 64 bytes)"},
        {R"({"event_type":""})", "event_type: expected 1 to 64 bytes, got 0"},
        {R"({"event_type":")" + std::string(65, 't') + "\"}",
         "event_type: expected 1 to 64 bytes, got 65"},
        {R"({"event_type":5})", "event_type: expected a string"},
        {R"({"event_type":"a","event_type":"b"})", "event_type: appears twice"},
        {R"({"event_type":"a","event_id":{}})", "event_id: expected a string"},
        {R"({"event_type":"a","order_amount":"5"})", "order_amount: expected a number"},
        {R"({"event_type":"a","order_amount":tru})", "order_amount: expected a number"},
        {R"({"event_type":"a","order_amount":1.1234567})",
         "order_amount: \"1.1234567\" is not an amount: expected at most 6 decimal places"},
        {R"({"event_type":"a","timestamp":1.5})",
         "timestamp: expected RFC 3339 or whole milliseconds since 1970"},
        {R"({"event_type":"a","timestamp":true})",
         "timestamp: expected RFC 3339 or whole milliseconds since 1970"},
        {R"({"event_type":"a","timestamp":1790003600001})", "timestamp: more than an hour ahead"},
        {R"({"event_type":"a","timestamp":1790000000})",
         "timestamp: more than two years ago (in milliseconds since 1970?)"},
        {R"({"event_type":"a","amount":5})",
         "unknown field \"amount\" (known: event_id, event_type, timestamp, product_id, "
         "order_amount)"},
        {R"(["event_type"])", "expected a JSON object"},
    };
    Reader reader;
    for (const auto& [json, message] : wrong) {
        CAPTURE(json);
        const auto event = reader.event(json);
        REQUIRE(event.has_error());
        CHECK(event.error().message == message);
    }
    CHECK(reader.event(R"({"event_type":"a","timestamp":"yesterday"})").has_error());
    CHECK(reader.event(R"({"event_type":"a","order_amount":nul})").has_error());
}

TEST_CASE("P6: what is not JSON is not guessed at", "[ingest]") {
    Reader reader;
    for (const char* wrong :
         {"", "{", R"({"event_type":"a")", R"({"event_type":"a",})", R"({"event_type" "a"})",
          R"({"event_type":"a"} {"event_type":"b"})", R"({"event_type":"a"}x)",
          "{'event_type':'a'}", "{\"event_type\":\"a\x01\"}", "{\"event_type\":\"\xff\"}",
          R"({"event_type":"\ud800"})", R"({"event_type":"a" "b"})", R"({"event_type":{"a":]}})"}) {
        CAPTURE(wrong);
        const auto event = reader.event(wrong);
        REQUIRE(event.has_error());
        CHECK(event.error().code == Errc::corrupt);
    }
}

TEST_CASE("a click is read field by field", "[ingest]") {
    Reader reader;
    const auto click = reader.click(
        R"({"code":"viral","event_id":"e1","timestamp":1790000000000,"method":"HEAD",)"
        R"("ip":"192.0.2.7","user_agent":"Mozilla/5.0","referrer":"https://example.com/",)"
        R"("purpose":"prefetch","country":"de"})");
    REQUIRE(click.has_value());
    CHECK(click->code == "viral");
    CHECK(click->head);
    CHECK(click->ip == "192.0.2.7");
    CHECK(click->user_agent == "Mozilla/5.0");
    CHECK(click->referrer == "https://example.com/");
    CHECK(click->purpose == "prefetch");

    CHECK(reader.click("{}").has_error());
    CHECK(reader.click(R"({"code":"a/b"})").has_error());
    CHECK(reader.click(R"({"code":"a","method":"POST"})").has_error());
    CHECK(reader.click(R"({"code":"a","country":"d1"})").has_error());
    CHECK(reader.click(R"({"code":"a","country":"d"})").has_error());
}

TEST_CASE("a body is cut into items by its type, or by its look", "[ingest]") {
    using Texts = std::vector<std::string>;
    CHECK(items(R"( {"a":1} )", "application/json") == Texts{R"(1:{"a":1})"});
    CHECK(items("{\n \"a\":1\n}\n", "") == Texts{"1:{\n \"a\":1\n}"});
    CHECK(items(R"([{"a":1}, {"b":2} ,3])", "application/json; charset=utf-8") ==
          Texts{R"(1:{"a":1})", R"(2:{"b":2} )", "3:3"});
    CHECK(items("[]", "application/json").empty());
    const std::string lines = "{\"a\":1}\r\n\n  {\"b\":2}";
    CHECK(items(lines, "application/x-ndjson") == Texts{R"(1:{"a":1})", R"(3:{"b":2})"});
    CHECK(items(lines, "application/x-www-form-urlencoded") ==
          Texts{R"(1:{"a":1})", R"(3:{"b":2})"});
    CHECK(items("[1]\n[2]", "Application/X-NDJSON") == Texts{"1:[1]", "2:[2]"});

    CHECK(items("", "application/json") == Texts{"failed"});
    CHECK(items(" \n ", "application/x-ndjson") == Texts{"failed"});
    CHECK(items("[{}] x", "application/json") == Texts{"failed"});
    CHECK(items("[{}", "application/json") == Texts{"failed"});
    CHECK(items("{}", "application/xml") == Texts{"failed"});
    CHECK(
        items(std::string("{}\n") + std::string(303, '5') + "\n", "application/x-ndjson").size() ==
        2);
    std::string many;
    for (int i = 0; i < 101; ++i) many += "{}\n";
    CHECK(items(many, "application/x-ndjson") == Texts{"failed"});
}

TEST_CASE("a time reads the same however its zone is spelt", "[ingest]") {
    const auto seed = GENERATE(1U, 2U);
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto between = [&](int low, int high) {
        return static_cast<int>(low + random() % static_cast<unsigned>(high - low + 1));
    };
    for (int i = 0; i < 20'000; ++i) {
        // Fields somewhat out of range, so that both readers must refuse the same ones.
        char text[64];
        std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", between(1960, 2100),
                      between(0, 13), between(0, 32), between(0, 25), between(0, 61),
                      between(0, 61), between(0, 999));
        CAPTURE(text);
        const auto plain = links::parse_time(std::string(text) + "Z");
        const auto general = links::parse_time(std::string(text) + "+00:00");
        REQUIRE(plain.has_value() == general.has_value());
        if (plain.has_value()) REQUIRE(*plain == *general);
    }
    for (const char* wrong : {"2026-12-31T23:59:59", "2026-12-31T23:59:5:Z", "202/-12-31T23:59:59Z",
                              "2026-12-31T23:59:59.2 0Z", "2026-12-31 23:59:59Z",
                              "2026-12-31T23:59:59.-50Z", "2026-02-29T00:00:00Z"}) {
        CAPTURE(wrong);
        CHECK(links::parse_time(wrong).has_error());
    }
}
