#include "cli/commands/target_count.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::commands;

namespace {

using Words = std::vector<std::string>;

std::string wrong(std::string_view text, const std::string& pointer) {
    const auto count = count_in(text, pointer);
    return count ? "no error" : count.error().message;
}

}  // namespace

TEST_CASE("a count command is split into words without a shell", "[counts]") {
    CHECK(split_command("psql -Atc 'select sum(clicks) from links'").value() ==
          Words{"psql", "-Atc", "select sum(clicks) from links"});
    CHECK(split_command("  a   \"b c\"d \\' $HOME *").value() ==
          Words{"a", "b cd", "'", "$HOME", "*"});
    CHECK(split_command("a '' \"x\\\"y\"").value() == Words{"a", "", "x\"y"});
    CHECK(split_command("a; rm -rf /").value() == Words{"a;", "rm", "-rf", "/"});
    CHECK(split_command("a 'b").error().message == "a quote ' is left open");
    CHECK(split_command(" ").error().message == "it names no program");
}

TEST_CASE("a count is found in text or by a JSON pointer, and nothing else is taken for one",
          "[counts]") {
    CHECK(count_in(" 42\n", "").value() == 42);
    CHECK(count_in(R"({"clicks": 42})", "/clicks").value() == 42);
    CHECK(count_in(R"({"a/b": [{"n": "42"}]})", "/a~1b/0/n").value() == 42);
    CHECK(count_in(R"({"clicks": 42.0})", "/clicks").value() == 42);
    CHECK(count_in("18446744073709551615", "").value() == 18'446'744'073'709'551'615U);
    CHECK(wrong("-1", "") ==
          "said '-1', which is not a whole number (is --count-pointer missing?)");
    CHECK(wrong(R"({"clicks": -1})", "/clicks") ==
          "has '-1' at /clicks, which is not a whole number");
    CHECK(wrong(R"({"clicks": 1.5})", "/clicks").find("has '1.5'") == 0);
    CHECK(wrong(R"({"clicks": null})", "/clicks").find("has 'null'") == 0);
    CHECK(wrong(R"({"clicks": 1})", "/visits") == "has nothing at /visits");
    CHECK(wrong(R"({"clicks": 1})", "clicks") == "has nothing at clicks");
    CHECK(wrong("<html>", "/clicks") == "said '<html>', which is not JSON");
}

TEST_CASE("what was created is no click, and what a lost agent sent may be one", "[counts]") {
    record::RunResult run;
    record::PhaseResult& phase = run.phases.emplace_back();
    phase.status = {{200, 1}, {201, 20}, {302, 300}, {404, 4000}, {500, 50'000}};
    phase.accounting.sent = 54'321 + 5;
    phase.accounting.answered = 54'321;
    run.agents.emplace_back().gap = 7;
    ExpectedCount expected;
    expected.add(run);
    CHECK(expected.answered == 301);
    CHECK(expected.unknown == 50'000 + 5 + 7);
}

TEST_CASE("an answer of brackets alone is refused, and one is cut between characters", "[counts]") {
    const auto deep = count_in("{\"a\":" + std::string(100'000, '['), "/a");
    REQUIRE(deep.has_error());
    CHECK(deep.error().message == "said JSON that is nested deeper than 64");
    std::string text = "x";
    for (int i = 0; i < 40; ++i) text += "\xc3\xa9";
    const auto cut = count_in(text, "");
    REQUIRE(cut.has_error());
    CHECK(cut.error().message.find("x" + text.substr(1, 58) + "…") != std::string::npos);
}

TEST_CASE("a source is named without what may be secret", "[counts]") {
    const InterruptWatch interrupts;
    BenchOptions options;
    options.count_command = "curl -H 'Authorization: Bearer SECRET' http://127.0.0.1/";
    CHECK(CountSource::make(options, interrupts)->name() == "curl …");
    options.count_command.clear();
    options.count_url = "http://127.0.0.1:81/stats?token=SECRET";
    CHECK(CountSource::make(options, interrupts)->name() == "http://127.0.0.1:81/stats");
}
