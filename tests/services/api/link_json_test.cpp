#include "services/api/link_json.hpp"

#include <random>

#include "services/api/plain_object.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using api::LinkFields;

namespace {

/// What a reader made of one object: its fields or its error, fit to be compared.
std::string told(const Result<LinkFields>& read) {
    if (!read) return "error: " + read.error().message;
    std::string text;
    const auto tell = [&text](const char* name, const auto& field, const auto& show) {
        if (!field) return;
        text.append(name).append(*field ? "=" + show(**field) : "=null").append(";");
    };
    const auto as_it_is = [](const std::string& value) { return value; };
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    tell("url", read->url, as_it_is);
    tell("code", read->code, as_it_is);
    tell("status", read->status, number);
    tell("max_age", read->max_age, number);
    tell("expires_at", read->expires_at, as_it_is);
    tell("version", read->version, number);
    return text;
}

std::string told_of(std::string_view text, bool array) {
    std::string all;
    const auto read =
        api::read_objects(text, array, [&all](Result<LinkFields> fields) { all += told(fields); });
    return read ? all : "not JSON";
}

/// As read_objects() reads it within an array, where nothing but the full parser looks at it.
std::string told_by_full_parser(const std::string& text) {
    const std::string in_array = told_of("[" + text + "]", true);
    return in_array == "expected an object" ? "not JSON" : in_array;
}

const std::vector<std::string> seeds{
    R"({"url":"https://shop.example/a?b=c&d=1","status":302,"max_age":60})",
    R"( { "url" : "https://a.example/" , "code":"abc-_9", "expires_at":"2030-01-01T00:00:00Z" } )",
    R"({"url":"https://a.example/","max_age":null,"expires_at":null,"version":12})",
    R"({"url":"https://a.example/\u00e4","code":"\"x\""})",
    R"({"status":-0,"max_age":-12,"version":9223372036854775807})",
    R"({"status":302.0,"max_age":1e2,"version":18446744073709551616})",
    R"({"url":{"a":[1,2]},"unknown":true,"code":["x"],"url":"twice"})",
    "{\"url\":\"h\xc3\xa4\",\"code\":\"\x7f\"}",
    "{}",
};

}  // namespace

TEST_CASE("a plain object is read without the full parser", "[api][json]") {
    const auto text = GENERATE(
        as<std::string>{}, "{}", R"({"url":"https://a.example/"})",
        R"({"url":"https://a.example/","code":"c","status":301,"max_age":0,"expires_at":"x"})",
        "\t{ \"url\" :\r\n \"u\", \"max_age\" : null, \"version\" : -7 } \n");
    CAPTURE(text);
    LinkFields fields;
    REQUIRE(api::read_plain_object(text, fields));
    CHECK(told(fields) == told_by_full_parser(text));
}

TEST_CASE("what is not plain is left to the full parser", "[api][json]") {
    const auto text = GENERATE(
        as<std::string>{}, "", "{", "[]", "null", R"({"url":"a\n"})", R"({"url":"a"} x)",
        R"({"url":"a",})", R"({,"url":"a"})", R"({"url" "a"})", R"({"url":"a" "code":"b"})",
        R"({"url":"a","url":"b"})", R"({"url":null,"url":null})", R"({"status":"302"})",
        R"({"status":302.5})", R"({"status":1e2})", R"({"status":01})", R"({"status":-})",
        R"({"status":+1})", R"({"version":9223372036854775808})", R"({"url":7})", R"({"url":nul})",
        R"({"url":nullx})", R"({"owner":"me"})", R"({"url":{}})", "{\"url\":\"\xc3\xa4\"}",
        "{\"url\":\"a\tb\"}", R"({"url":"a)");
    CAPTURE(text);
    LinkFields fields;
    CHECK_FALSE(api::read_plain_object(text, fields));
}

TEST_CASE("an object is read alike by either parser, whatever it holds", "[api][json]") {
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const std::string bytes = "{}[]\":,0129-+.eE \t\nnulltrue\\/xurlcodestatus\x01\x7f\xc3";
    const auto below = [&random](std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
    };
    int plain = 0;
    for (int i = 0; i < 50'000; ++i) {
        std::string text = seeds[below(seeds.size())];
        for (auto changes = below(4); changes > 0; --changes) {
            const auto at = below(text.size());
            if (below(3) == 0) {
                text.insert(at, 1, bytes[below(bytes.size())]);
            } else if (below(2) == 0 && text.size() > 1) {
                text.erase(at, 1);
            } else {
                text[at] = bytes[below(bytes.size())];
            }
        }
        LinkFields fields;
        if (!api::read_plain_object(text, fields)) continue;
        ++plain;
        CAPTURE(text);
        REQUIRE(told(fields) == told_by_full_parser(text));
        REQUIRE(told(fields) == told_of(text, false));
    }
    CHECK(plain > 1000);
}

TEST_CASE("strings of answers are escaped where they must be, and only there", "[api][json]") {
    const auto written = [](std::string_view text) {
        std::string json;
        api::append_string(json, text);
        return json;
    };
    CHECK(written("") == R"("")");
    CHECK(written("https://a.example/?b=c") == R"("https://a.example/?b=c")");
    CHECK(written("\"") == R"("\"")");
    CHECK(written("a\"b\\c") == R"("a\"b\\c")");
    CHECK(written("\x01\x1f\x7f") == R"("\u0001\u001f\u007f")");
    CHECK(written("a\nb\n") == R"("a\u000ab\u000a")");
    CHECK(written("h\xc3\xa4") == "\"h\xc3\xa4\"");
}
