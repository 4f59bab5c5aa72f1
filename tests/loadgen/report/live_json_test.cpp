#include "loadgen/report/live_json.hpp"

#include <nlohmann/json.hpp>

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

record::Progress good_progress() {
    record::Progress progress;
    progress.elapsed = 1500ms;
    progress.planned = 40s;
    progress.phase = 1;
    progress.phase_left = 2s;
    progress.target_rate_per_s = 1000;
    progress.sent_rate_per_s = 999.96;
    progress.answered_rate_per_s = 998;
    progress.so_far.scheduled = 1500;
    progress.so_far.sent = 1500;
    progress.so_far.answered = 1490;
    progress.connections_open = 63;
    progress.connections_wanted = 64;
    for (int i = 0; i < 100; ++i) progress.recent.record(2'000'000);
    return progress;
}

std::string text_of(const record::Progress& progress) {
    return report::verdict_so_far(progress).text;
}

}  // namespace

TEST_CASE("a state of a run in flight is one line with its phase, rates, counts and percentiles",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    const std::string line = report::live_state(plan, good_progress());
    CHECK(line.find('\n') == std::string::npos);
    const Json state = Json::parse(line);
    CHECK(state["elapsed_s"] == 1.5);
    CHECK(state["phase"] == plan.phases[1].name);
    CHECK(state["phase_number"] == 2);
    CHECK(state["phases"] == plan.phases.size());
    CHECK(state["phase_left_s"] == 2);
    CHECK(state["target_rate"] == 1000);
    CHECK(state["sent_rate"] == 1000.0);
    CHECK(state["accounting"]["answered"] == 1490);
    CHECK(state["accounting"]["in_flight"] == 10);
    CHECK(state["latency_us"]["p99"].get<double>() == Approx(2000).epsilon(0.1));
    CHECK(state["connections"]["open"] == 63);
    CHECK_FALSE(state["connections"].contains("cause"));
    CHECK(state["verdict"]["tone"] == "good");
    CHECK(state["verdict"]["text"] == "VALID so far");
}

TEST_CASE("percentiles of nothing are null, and causes are told once there are any",
          "[loadgen][report]") {
    record::Progress progress;
    progress.elapsed = -1ns;
    progress.connect_failures = 3;
    progress.connect_cause = record::Cause::refused;
    const Json state = Json::parse(report::live_state(test::small_burst(), progress));
    CHECK(state["latency_us"].is_null());
    CHECK(state["connecting"] == true);
    CHECK(state["verdict"]["text"] == "connecting");
    CHECK(state["connections"]["cause"] == "refused");
}

TEST_CASE("the verdict so far says which of what came due is missing", "[loadgen][report]") {
    record::Progress progress = good_progress();
    CHECK(text_of(progress) == "VALID so far");
    progress.so_far.sent = 1395;
    progress.so_far.answered = 1395;
    CHECK(text_of(progress) == "only 93.0 % of what came due was sent");
    progress.so_far.sent = 1500;
    progress.so_far.failed = 105;
    CHECK(text_of(progress) == "only 93.0 % of what has ended was answered");
    progress.so_far = {};
    CHECK(text_of(progress) == "nothing answered yet");
    // One alone is no share of anything.
    progress.so_far = {.scheduled = 10, .sent = 9, .answered = 9};
    CHECK(text_of(progress) == "VALID so far");
}

TEST_CASE("of many agents the lost ones are shown first, and so many that it stays bounded",
          "[loadgen][report]") {
    record::Progress progress = good_progress();
    CHECK(report::live_agents(progress).empty());
    for (int i = 0; i < 1000; ++i) {
        record::AgentProgress agent;
        agent.name = "agent" + std::to_string(i);
        agent.sent = 7;
        agent.lost = i == 777;
        agent.lost_why = agent.lost ? "it fell silent" : "";
        progress.agents.push_back(agent);
    }
    const Json agents = Json::parse(report::live_agents(progress));
    CHECK(agents["count"] == 1000);
    CHECK(agents["lost"] == 1);
    REQUIRE(agents["shown"].size() == report::live_agents_max);
    CHECK(agents["shown"][0]["name"] == "agent777");
    CHECK(agents["shown"][0]["why"] == "it fell silent");
    CHECK(agents["shown"][1]["sent"] == 7);
    CHECK(text_of(progress) == "VALID so far, 1 agent lost");
}

TEST_CASE("a head has the phases with their times, and nothing in it ends its line",
          "[loadgen][report]") {
    scenario::Plan plan = test::small_burst();
    plan.name = "a\nb\xff\"</script>";
    const std::string line = report::live_head(plan, "http://127.0.0.1/\r\n\r\nevent: x", "");
    CHECK(line.find_first_of("\r\n") == std::string::npos);
    const Json head = Json::parse(line);
    CHECK(head["scenario"] == "a\nb\xEF\xBF\xBD\"</script>");
    REQUIRE(head["phases"].size() == plan.phases.size());
    CHECK(head["phases"][0]["start"] == 0);
    CHECK(head["phases"][1]["start"] == head["phases"][0]["end"]);
    const std::string end = report::live_end("VALID", "All good.", "<p>\n</p>");
    CHECK(end.find('\n') == std::string::npos);
    CHECK(Json::parse(end)["html"] == "<p>\n</p>");
}
