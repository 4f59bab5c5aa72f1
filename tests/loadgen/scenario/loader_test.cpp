#include "loadgen/scenario/loader.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/whole_file.hpp"
#include "loadgen/scenario/transform.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

/// A document that is right, with `field` put in on line 3.
std::string with(const std::string& field) {
    return "{\n\"name\": \"mine\",\n" + field +
           ",\n\"phases\": [{\"name\": \"a\", \"rate\": 10, \"duration\": \"1s\"}]}";
}
/// The same, with `phase` for its only phase, on line 3.
std::string with_phase(const std::string& phase) {
    return "{\n\"name\": \"mine\", \"phases\": [\n" + phase + "\n]}";
}
std::string message_of(const std::string& text) {
    const auto plan = scenario::parse(text, "mine.json");
    return plan ? "accepted" : plan.error().message;
}

struct Wrong {
    std::string text;
    std::string message;
};

}  // namespace

TEST_CASE("every scenario file loads under its own name", "[loadgen][scenario]") {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator("scenarios")) {
        if (entry.path().filename() == "schema.json") continue;
        CAPTURE(entry.path().string());
        const auto text = read_whole_file(entry.path().string(), 1024 * 1024);
        REQUIRE(text.has_value());
        const auto plan = scenario::parse(*text, entry.path().string());
        if (!plan) FAIL(plan.error().message);
        CHECK(plan->name == entry.path().stem());
        CHECK_FALSE(plan->description.empty());
        ++files;
    }
    CHECK(files >= 9);
}

TEST_CASE("the built-in viral burst is the burst of the design and the file's bytes",
          "[loadgen][scenario]") {
    std::ifstream file("scenarios/viral-burst.json", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    CHECK(bytes == scenario::viral_burst_text());

    const scenario::Plan plan = scenario::viral_burst();
    REQUIRE(plan.phases.size() == 4);
    const struct {
        const char* name;
        double rate;
        std::chrono::nanoseconds duration;
    } burst[] = {{"peak", 10e6, 10s},
                 {"stragglers", 1e6, 30s},
                 {"retweets", 1e5, 5min},
                 {"normal", 1e3, 60s}};
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(plan.phases[i].name == burst[i].name);
        CHECK(plan.phases[i].shape == scenario::Shape::constant);
        CHECK(plan.phases[i].rate_from_per_s == burst[i].rate);
        CHECK(plan.phases[i].rate_to_per_s == burst[i].rate);
        CHECK(plan.phases[i].duration == burst[i].duration);
    }
    CHECK(plan.links.hot == "viral");
    CHECK(plan.requests.size() == 1);
}

TEST_CASE("every field reaches the plan", "[loadgen][scenario]") {
    const auto plan = scenario::parse(R"({
        "name": "all", "description": "d",
        "phases": [{"name": "up", "shape": "ramp", "from": 0, "to": "1.5k", "duration": "500ms"},
                   {"name": "off", "shape": "decay", "from": 100, "to": 1, "duration": "2m"}],
        "requests": [{"name": "make", "weight": 2.5, "method": "POST", "path": "/v1/{n}",
                      "headers": {"X-A": "b c"}, "body": "{\"x\": {n}}", "expect": [409, 201]}, {}],
        "links": {"hot": "h", "target_url": "https://e.x/", "hot_share": 0.25,
                  "tail": {"count": 7, "zipf": 1.25, "prefix": "t-"}},
        "unknown_share": 0.125, "head_share": 0.5, "bot_share": 1,
        "user_agent": "me/1", "bot_user_agent": "bot/1", "new_connections_per_s": "2k",
        "connections": 5, "pipeline": 3, "timeout": "250ms", "arrival": "poisson",
        "seed": 18446744073709551615})",
                                      "all.json");
    if (!plan) FAIL(plan.error().message);
    CHECK(plan->description == "d");
    REQUIRE(plan->phases.size() == 2);
    CHECK(plan->phases[0].shape == scenario::Shape::ramp);
    CHECK(plan->phases[0].rate_from_per_s == 0);
    CHECK(plan->phases[0].rate_to_per_s == 1500);
    CHECK(plan->phases[0].duration == 500ms);
    CHECK(plan->phases[1].shape == scenario::Shape::decay);
    REQUIRE(plan->requests.size() == 2);
    CHECK(plan->requests[0].name == "make");
    CHECK(plan->requests[0].weight == 2.5);
    CHECK(plan->requests[0].method == http::Method::post);
    CHECK(plan->requests[0].path == "/v1/{n}");
    CHECK(plan->requests[0].headers ==
          std::vector<std::pair<std::string, std::string>>{{"X-A", "b c"}});
    CHECK(plan->requests[0].body == "{\"x\": {n}}");
    CHECK(plan->requests[0].expect == std::vector<std::uint16_t>{409, 201});
    CHECK(plan->requests[1].path == "/{link}");
    CHECK(plan->requests[1].expect.empty());
    CHECK(plan->links.hot == "h");
    CHECK(plan->links.hot_share == 0.25);
    CHECK(plan->links.tail_count == 7);
    CHECK(plan->links.zipf_exponent == 1.25);
    CHECK(plan->links.tail_prefix == "t-");
    CHECK(plan->unknown_share == 0.125);
    CHECK(plan->head_share == 0.5);
    CHECK(plan->bot_share == 1);
    CHECK(plan->user_agent == "me/1");
    CHECK(plan->bot_user_agent == "bot/1");
    CHECK(plan->new_connections_per_s == 2000);
    CHECK(plan->connections == 5);
    CHECK(plan->pipeline == 3);
    CHECK(plan->timeout == 250ms);
    CHECK(plan->arrival == scenario::Arrival::poisson);
    CHECK(plan->seed == UINT64_MAX);
}

TEST_CASE("a wrong phase is named with its line, its path and what was expected",
          "[loadgen][scenario]") {
    const Wrong table[] = {
        {with_phase(R"({"name": "a", "rate": "-5k", "duration": "1s"})"),
         R"(mine.json:3: phases[0].rate: expected a rate above 0, got "-5k")"},
        {with_phase(R"({"name": "a", "rate": 0, "duration": "1s"})"),
         R"(mine.json:3: phases[0].rate: expected a rate above 0, got 0)"},
        {with_phase(R"({"name": "a", "rate": "10MM", "duration": "1s"})"),
         R"(mine.json:3: phases[0].rate: expected a rate above 0 (10M, 250k or 1500), got "10MM")"},
        {with_phase(R"({"name": "a", "rate": 2e12, "duration": "1s"})"),
         R"(mine.json:3: phases[0].rate: expected a rate of at most 1G, got 2e12)"},
        {with_phase("{\"name\": \"a\",\n\"rate\": 5,\n\"duration\": 10\n}"),
         R"(mine.json:5: phases[0].duration: expected a time above 0 and at most 7d (500ms, 10s or 5m), got 10)"},
        {with_phase(R"({"name": "a", "rate": 5, "duration": "0s"})"),
         R"(mine.json:3: phases[0].duration: expected a time above 0 and at most 7d (500ms, 10s or 5m), got "0s")"},
        {with_phase(R"({"rate": 5, "duration": "1s"})"),
         "mine.json:3: phases[0].name: missing; expected a name of 1 to 64 letters, digits, _ - or "
         "., beginning with a letter or digit"},
        {with_phase(R"({"name": "a", "duration": "1s"})"),
         "mine.json:3: phases[0].rate: missing; expected a rate above 0"},
        {with_phase(R"({"name": "a", "shape": "step", "rate": 5, "duration": "1s"})"),
         R"(mine.json:3: phases[0].shape: expected constant, ramp or decay, got "step")"},
        {with_phase(R"({"name": "a", "rate": 5, "to": 6, "duration": "1s"})"),
         "mine.json:3: phases[0].to: only a ramp or a decay has it; a constant phase has rate"},
        {with_phase(R"({"name": "a", "shape": "decay", "from": 5, "to": 0, "duration": "1s"})"),
         "mine.json:3: phases[0].to: expected a rate above 0, got 0"},
        {with_phase(R"({"name": "a", "shape": "ramp", "from": -1, "to": 6, "duration": "1s"})"),
         "mine.json:3: phases[0].from: expected a rate of 0 or more (10M, 250k or 1500), got -1"},
        {with_phase(R"({"name": "a", "raet": 5, "rate": 5, "duration": "1s"})"),
         "mine.json:3: phases[0].raet: unknown field (did you mean rate?)"},
        {with_phase("{\"name\": \"a\", \"rate\": 5,\n\"rate\": 6, \"duration\": \"1s\"}"),
         "mine.json:4: phases[0].rate: given twice (first on line 3)"},
        {with_phase(R"({"name": "a", "rate": 5, "duration": "1s"},
                       {"name": "a", "rate": 5, "duration": "1s"})"),
         R"(mine.json:4: phases[1].name: there is a phase named "a" already)"},
        {with_phase("7"), "mine.json:3: phases[0]: expected an object, got 7"},
        {with_phase(""), "mine.json:2: phases: expected an array of 1 to 100 phases, got an array"},
        {with_phase(R"({"name": "a", "rate": 0.1, "duration": "1s"})"),
         "mine.json:2: phases: together they ask for less than one request"},
        {with_phase(R"({"name": "a", "rate": "1G", "duration": "1h"})"),
         "mine.json:2: phases: together they ask for 3,600,000,000,000 requests, and a run may "
         "have 1,000,000,000,000"},
        {with_phase(R"({"name": "a", "rate": 1, "duration": "6d"},
                       {"name": "b", "rate": 1, "duration": "2d"})"),
         "mine.json:2: phases: together they take 192h, and a run may take 7d"},
    };
    for (const Wrong& wrong : table) CHECK(message_of(wrong.text) == wrong.message);
}

TEST_CASE("a wrong request is named, and none can smuggle in a line", "[loadgen][scenario]") {
    const std::string expect_wanted =
        "requests[0].expect: expected an array of 1 to 20 different statuses from 200 to 599, got ";
    const std::string path_wanted =
        "requests[0].path: expected a path that begins with /, of visible ASCII without #, with "
        "nothing in braces but {link}, {unknown} and {n}, got ";
    const std::string value_wanted =
        "expected a header value of at most 4096 bytes without line breaks, control bytes or outer "
        "spaces, got ";
    const Wrong table[] = {
        {R"({"weight": 0})", "requests[0].weight: expected a number from 1e-06 to 1000000, got 0"},
        {R"({"weight": "3"})",
         R"(requests[0].weight: expected a number from 1e-06 to 1000000, got "3")"},
        {R"({"method": "get"})",
         R"(requests[0].method: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, got "get")"},
        {R"({"path": "x"})", path_wanted + R"("x")"},
        {R"({"path": "/a b"})", path_wanted + R"("/a b")"},
        {R"({"path": "/\r\nX: y"})", path_wanted + R"("/\r\nX: y")"},
        {R"({"path": "/{lnik}"})", path_wanted + R"("/{lnik}")"},
        {R"({"path": "/{link"})", path_wanted + R"("/{link")"},
        {R"({"headers": {"X-A": "a\r\nHost: b"}})",
         "requests[0].headers.X-A: " + value_wanted + R"("a\r\nHost: b")"},
        {R"({"headers": {"X-A": 5}})", "requests[0].headers.X-A: " + value_wanted + "5"},
        {R"({"headers": {"X A": "b"}})",
         R"(requests[0].headers["X A"]: not a header name (1 to 64 letters, digits and !#$%&'*+-.^_`|~))"},
        {R"({"headers": {"A:\n": "b"}})",
         R"(requests[0].headers["A:\n"]: not a header name (1 to 64 letters, digits and !#$%&'*+-.^_`|~))"},
        {R"({"headers": {"content-LENGTH": "5"}})",
         "requests[0].headers.content-LENGTH: qck sets this header itself"},
        {R"({"headers": {"User-Agent": "me"}})",
         "requests[0].headers.User-Agent: set it with user_agent"},
        {R"({"headers": []})", "requests[0].headers: expected an object, got an array"},
        {R"({"body": "x"})", "requests[0].body: a GET or HEAD request has no body"},
        {R"({"method": "POST", "body": {}})",
         "requests[0].body: expected a string of at most 65536 bytes, got an object"},
        {R"({"expect": 401})", expect_wanted + "401"},
        {R"({"expect": []})", expect_wanted + "an array"},
        {R"({"expect": [401, "409"]})", expect_wanted + "an array"},
        {R"({"expect": [401, 404.5]})", expect_wanted + "an array"},
        {R"({"expect": [199]})", expect_wanted + "an array"},
        {R"({"expect": [600]})", expect_wanted + "an array"},
        {R"({"expect": [404, 410, 404]})", expect_wanted + "an array"},
        {R"({"url": "/"})",
         "requests[0].url: unknown field (known here: name weight method path headers body "
         "expect)"},
    };
    for (const Wrong& wrong : table) {
        CHECK(message_of(with("\"requests\": [" + wrong.text + "]")) ==
              "mine.json:3: " + wrong.message);
    }
}

TEST_CASE("a wrong field of the run is named", "[loadgen][scenario]") {
    const Wrong table[] = {
        {R"("name2": 1)", "name2: unknown field (did you mean name?)"},
        {R"("conections": 1)", "conections: unknown field (did you mean connections?)"},
        {R"("connections": 0)", "connections: expected a whole number from 1 to 1000000, got 0"},
        {R"("connections": 1.5)",
         "connections: expected a whole number from 1 to 1000000, got 1.5"},
        {R"("pipeline": 1025)", "pipeline: expected a whole number from 1 to 1024, got 1025"},
        {R"("timeout": "2h")",
         R"(timeout: expected a time above 0 and at most 1h (500ms, 10s or 5m), got "2h")"},
        {R"("arrival": "Poisson")", R"(arrival: expected uniform or poisson, got "Poisson")"},
        {R"("seed": -1)", "seed: expected a whole number from 0 to 18446744073709551615, got -1"},
        {R"("unknown_share": 1.1)", "unknown_share: expected a share from 0 to 1, got 1.1"},
        {R"("bot_share": null)", "bot_share: expected a share from 0 to 1, got null"},
        {R"("head_share": "10%")", R"(head_share: expected a share from 0 to 1, got "10%")"},
        {R"("user_agent": "a\nb")",
         R"(user_agent: expected a header value of at most 4096 bytes without line breaks, control bytes or outer spaces, got "a\nb")"},
        {R"("links": {"hot": "a/b"})",
         R"(links.hot: expected a code of 1 to 64 letters, digits, _ or -, got "a/b")"},
        {R"_("links": {"target_url": "javascript:alert(1)"})_",
         R"_(links.target_url: expected an http or https URL of at most 2048 bytes, got "javascript:alert(1)")_"},
        {R"("links": {"hot_share": 0.5})",
         "links.hot_share: below 1 it needs links.tail, which the rest is drawn from"},
        {R"("links": {"tail": {"zipf": 1}})",
         "links.tail.count: missing; expected a whole number from 1 to 100000000"},
        {R"("links": {"tail": {"count": 5, "zipf": -1}})",
         "links.tail.zipf: expected a number from 0 to 10, got -1"},
        {R"("unknown_share": 0.5, "requests": [{"path": "/health"}])",
         "unknown_share: no request has {link} in its path, so none can ask for an unknown code"},
        {R"("new_connections_per_s": "-1")",
         R"(new_connections_per_s: expected a rate of 0 or more (10M, 250k or 1500), got "-1")"},
    };
    for (const Wrong& wrong : table) {
        CHECK(message_of(with(wrong.text)) == "mine.json:3: " + wrong.message);
    }
}

TEST_CASE("all that is wrong is named at once, and only so much of it", "[loadgen][scenario]") {
    CHECK(message_of("{\"name\": 5,\n\"phases\": [],\n\"seed\": \"x\"}") ==
          "mine.json:1: name: expected a name of 1 to 64 letters, digits, _ - or ., beginning with "
          "a letter or digit, got 5\n"
          "mine.json:2: phases: expected an array of 1 to 100 phases, got an array\n"
          "mine.json:3: seed: expected a whole number from 0 to 18446744073709551615, got \"x\"");
    std::string many = "{";
    for (int i = 0; i < 50; ++i) many += "\"field-number-" + std::to_string(i) + "\": 1,\n";
    many += "\"phases\": []}";
    const std::string message = message_of(many);
    CHECK(std::count(message.begin(), message.end(), '\n') == 20);
    CHECK(message.substr(message.rfind('\n') + 1) == "mine.json: 32 more problems");
}

TEST_CASE("what is not JSON is refused with its line", "[loadgen][scenario]") {
    CHECK(message_of("").rfind("mine.json:1: not valid JSON: ", 0) == 0);
    CHECK(message_of("{\n\"name\": }").rfind("mine.json:2: not valid JSON: ", 0) == 0);
    CHECK(message_of("{\n\n\"name\": \"a\"\n,}").rfind("mine.json:4: not valid JSON: ", 0) == 0);
    CHECK(message_of("[1e400]").rfind("mine.json:1: not valid JSON: ", 0) == 0);
    CHECK(message_of("{\"name\": \"\xff\"}").rfind("mine.json:1: not valid JSON: ", 0) == 0);
    CHECK(message_of(std::string(100, '[')) ==
          "mine.json:1: not valid JSON: nested deeper than 32 levels");
    CHECK(message_of("[]") == "mine.json:1: expected an object, got an array");
    CHECK(message_of(std::string(2 * 1024 * 1024, ' ')) ==
          "mine.json: larger than 1048576 bytes, too large to be read");
}
