#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "loadgen/scenario/loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

using namespace qck;
using nlohmann::json;

namespace {

/// Has every field once, so that mutations reach all of them.
json full_document() {
    return json::parse(R"({
        "$schema": "./schema.json", "name": "all", "description": "d",
        "phases": [{"name": "a", "shape": "constant", "rate": "1k", "duration": "1s"},
                   {"name": "b", "shape": "ramp", "from": 0, "to": 10, "duration": "500ms"},
                   {"name": "c", "shape": "decay", "from": 100, "to": 1, "duration": "2m"},
                   {"name": "d", "rate": 5, "duration": "1.5s"}],
        "requests": [{"name": "make", "weight": 2.5, "method": "POST", "path": "/v1/{n}",
                      "headers": {"X-A": "b c"}, "body": "{}", "expect": [201, 409]},
                     {"method": "GET", "path": "/{link}?a=%20"}],
        "links": {"hot": "h", "target_url": "https://e.x/", "hot_share": 0.25,
                  "tail": {"count": 7, "zipf": 1.25, "prefix": "t-"}},
        "unknown_share": 0.125, "head_share": 0.5, "bot_share": 1,
        "user_agent": "me/1", "bot_user_agent": "bot/1", "new_connections_per_s": "2k",
        "connections": 5, "pipeline": 3, "timeout": "250ms", "arrival": "poisson", "seed": 7})");
}

/// Values to put in the place of others: of every kind, right here and wrong there.
const std::vector<json>& values() {
    static const std::vector<json> all = {
        nullptr,
        true,
        false,
        0,
        1,
        -1,
        0.5,
        1.0,
        1.5,
        2,
        64,
        1024,
        1025,
        1'000'000,
        1'000'001,
        1e9,
        1.1e9,
        2e12,
        100'000'001,
        "",
        "0",
        "1",
        "-5k",
        "10M",
        "10MM",
        "1.5k",
        "1.k",
        "0.0k",
        "0s",
        "10s",
        "1.s",
        "10",
        " 10s",
        "10s ",
        "10s\n",
        "5 s",
        "250us",
        "1h",
        "constant",
        "ramp",
        "decay",
        "uniform",
        "poisson",
        "GET",
        "HEAD",
        "get",
        "POST",
        "OPTIONS",
        "/",
        "/{link}",
        "/{lnik}",
        "/{",
        "/}",
        "/a b",
        "/a#b",
        "/\r\n",
        "/%7B",
        "x",
        "a b",
        "a\tb",
        " a",
        "a ",
        "a\nb",
        "a\r",
        "\t",
        "a\x7f",
        "viral",
        "a/b",
        "-a",
        ".a",
        "a.b",
        "a_b-c",
        "é",
        "https://example.com/",
        "http://",
        "https://a b",
        "javascript:x",
        "ftp://x/",
        json::array(),
        json::object(),
        json::array({1}),
        json::array({200, 599}),
        json::array({199}),
        json::array({600}),
        json::array({404, 404}),
        json::array({404, "404"}),
        json::array({200, 201, 202, 203, 204, 205, 206, 207, 208, 209,
                     210, 211, 212, 213, 214, 215, 216, 217, 218, 219}),
        json::array({200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210,
                     211, 212, 213, 214, 215, 216, 217, 218, 219, 220}),
        json::object({{"a", "b"}}),
        json::object({{"Host", "b"}}),
        json::object({{"user-agent", "b"}}),
        json::object({{"Host-Name", "b"}}),
        json::object({{"a b", "c"}}),
        json::object({{"", "c"}}),
        json::object({{"a", 1}}),
        json::object({{"count", 5}}),
        json::object({{"count", 5}, {"zipf", 11}}),
    };
    return all;
}

/// All places within a document.
void collect(const json& node, const json::json_pointer& at, std::vector<json::json_pointer>& out) {
    if (!at.empty()) out.push_back(at);
    if (node.is_object()) {
        for (const auto& [key, value] : node.items()) collect(value, at / key, out);
    } else if (node.is_array()) {
        for (std::size_t i = 0; i < node.size(); ++i) collect(node[i], at / i, out);
    }
}

json without(json document, const json::json_pointer& at) {
    json& parent = document.at(at.parent_pointer());
    if (parent.is_object()) {
        parent.erase(at.back());
    } else {
        parent.erase(static_cast<std::size_t>(std::stoul(at.back())));
    }
    return document;
}

json with(json document, const json::json_pointer& at, const json& value) {
    document[at] = value;
    return document;
}

/// Every place with every value, without it, and with a field that nobody knows.
std::vector<json> corpus() {
    const json good = full_document();
    std::vector<json::json_pointer> places;
    collect(good, json::json_pointer(), places);
    std::vector<json> documents = {good};
    for (const json::json_pointer& at : places) {
        documents.push_back(without(good, at));
        for (const json& value : values()) documents.push_back(with(good, at, value));
        if (good.at(at).is_object()) documents.push_back(with(good, at / "unknown_field", 1));
    }
    for (const auto& entry : std::filesystem::directory_iterator("scenarios")) {
        if (entry.path().filename() == "schema.json") continue;
        documents.push_back(json::parse(std::ifstream(entry.path())));
    }
    return documents;
}

/// Whether the loader refuses a document for something that no schema can say.
bool beyond_a_schema(const std::string& message) {
    for (const char* part :
         {"there is a phase named", "it needs links.tail", "no request has {link}",
          "together they ask for", "together they take"}) {
        if (message.find(part) != std::string::npos) return true;
    }
    return false;
}

std::vector<bool> accepted_by_schema(const std::vector<json>& documents) {
    std::string name = (std::filesystem::temp_directory_path() / "qck-schema-XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(name.data());
    {
        std::ofstream file(folder / "documents");
        for (const json& document : documents) file << document.dump() << '\n';
    }
    const std::string command =
        "/usr/bin/python3 tests/loadgen/scenario/schema_check.py scenarios/schema.json < " +
        (folder / "documents").string() + " > " + (folder / "answers").string();
    REQUIRE(std::system(command.c_str()) == 0);
    std::vector<bool> accepted;
    std::ifstream answers(folder / "answers");
    for (std::string line; std::getline(answers, line);) accepted.push_back(line == "1");
    std::filesystem::remove_all(folder);
    return accepted;
}

}  // namespace

TEST_CASE("scenarios/schema.json accepts and refuses what the loader does",
          "[loadgen][scenario][skippable]") {
    if (std::system("/usr/bin/python3 -c 'import jsonschema' > /dev/null 2>&1") != 0) {
        QCK_SKIP("python3-jsonschema is not installed");
    }
    const std::vector<json> documents = corpus();
    const std::vector<bool> by_schema = accepted_by_schema(documents);
    REQUIRE(by_schema.size() == documents.size());
    std::size_t accepted = 0;
    std::size_t compared = 0;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const auto plan = scenario::parse(documents[i].dump(), "x.json");
        const std::string message = plan ? "" : plan.error().message;
        if (beyond_a_schema(message)) continue;
        ++compared;
        accepted += plan.has_value() ? 1 : 0;
        if (plan.has_value() == by_schema[i]) continue;
        FAIL_CHECK("the schema says " << by_schema[i] << ", the loader \"" << message << "\" of "
                                      << documents[i].dump());
    }
    // Both answers must be well represented, or the comparison shows nothing.
    CHECK(compared > 3000);
    CHECK(accepted > 300);
}

TEST_CASE("no mangled scenario crashes the loader or passes with a wrong plan",
          "[loadgen][scenario]") {
    const unsigned seed = 20261121;
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::string good = full_document().dump(1);
    const std::string pieces[] = {"{",  "}",  "[",     "]", ",",    ":",
                                  "\"", "\\", "1e999", "-", "null", "\xff"};
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string text = good;
        for (unsigned change = 0; change <= random() % 3; ++change) {
            const std::size_t at = random() % text.size();
            switch (random() % 5) {
                case 0:
                    text[at] = static_cast<char>(random());
                    break;
                case 1:
                    text.erase(at, 1 + random() % 30);
                    break;
                case 2:
                    text.insert(at, text.substr(random() % text.size(), random() % 60));
                    break;
                case 3:
                    text.insert(at, pieces[random() % std::size(pieces)]);
                    break;
                default:
                    text.resize(std::max<std::size_t>(at, 1));
                    break;
            }
            if (text.empty()) text = "{";
        }
        const auto plan = scenario::parse(text, "x.json");
        if (!plan) {
            REQUIRE(plan.error().code == Errc::invalid_argument);
            REQUIRE(plan.error().message.rfind("x.json:", 0) == 0);
            continue;
        }
        ++accepted;
        REQUIRE_FALSE(plan->phases.empty());
        for (const scenario::Phase& phase : plan->phases) {
            REQUIRE(phase.rate_from_per_s >= 0);
            REQUIRE(phase.rate_to_per_s >= 0);
            REQUIRE(phase.duration.count() > 0);
        }
        for (const scenario::RequestKind& kind : plan->requests) {
            REQUIRE(kind.path.find_first_of("\r\n ") == std::string::npos);
        }
    }
    CHECK(accepted > 100);
}
