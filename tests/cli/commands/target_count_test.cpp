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
