#include "loadgen/replay/log_line.hpp"

#include <cmath>

#include "loadgen/replay/log_time.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::replay;

namespace {

ParsedLine parse(LogFormat format, std::string_view line) { return LineParser(format).parse(line); }

}  // namespace

TEST_CASE("a line of nginx's combined log is a request at its second", "[loadgen][replay]") {
    const auto line = parse(LogFormat::common,
                            "203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] \"GET /a?b=c HTTP/1.1\" "
                            "302 0 \"-\" \"curl/7 \\\"x\\\"\"");
    REQUIRE(line.kind == LineKind::request);
    CHECK(line.request.path == "/a?b=c");
    CHECK(line.request.method == http::Method::get);
    CHECK(line.request.at_ns == 971'211'336'000'000'000);
    CHECK(line.request.whole_second);
    CHECK(parse(LogFormat::common, "- - - [10/Oct/2000:13:55:36 +0000] \"HEAD / HTTP/2.0\" 200 0")
              .request.method == http::Method::head);
}

TEST_CASE("a request may be refused where the log had it refused, or does not say",
          "[loadgen][replay]") {
    const auto common = [](const std::string& rest) {
        return parse(LogFormat::common,
                     "- - - [10/Oct/2000:13:55:36 +0000] \"GET /x HTTP/1.1\"" + rest)
            .request.may_be_refused;
    };
    CHECK(common(" 404 12"));
    CHECK(common(""));
    CHECK(common(" - 12"));
    CHECK_FALSE(common(" 302 0"));
    CHECK_FALSE(common(" 503 0"));
    LineParser w3c(LogFormat::w3c);
    w3c.parse("#Fields: date time cs-uri-stem sc-status");
    CHECK_FALSE(w3c.parse("2026-11-22 01:00:00 /x 200").request.may_be_refused);
    CHECK(w3c.parse("2026-11-22 01:00:00 /x 410").request.may_be_refused);
    const auto json = [](const std::string& status) {
        return parse(LogFormat::ndjson, R"({"time":1,"uri":"/x")" + status + "}")
            .request.may_be_refused;
    };
    CHECK(json(""));
    CHECK(json(R"(,"status":404)"));
    CHECK_FALSE(json(R"(,"status":200)"));
    CHECK_FALSE(json(R"(,"status":"301")"));
    CHECK(parse(LogFormat::ms_uri, "5\t/x").request.may_be_refused);
}

TEST_CASE("what is not one request on the wire is malformed, and says what was expected",
          "[loadgen][replay]") {
    const auto why = [](std::string_view text) {
        const auto line = parse(LogFormat::common, text);
        return line.kind == LineKind::malformed ? line.why : std::string("not malformed");
    };
    CHECK(why("hello") == "expected a time in brackets");
    CHECK(why("- [10/Oct/2000] \"GET / HTTP/1.1\"") ==
          "expected a time such as [10/Oct/2000:13:55:36 -0700]");
    CHECK(why("- [10/Okt/2000:13:55:36 -0700] \"GET / HTTP/1.1\"").find("expected a time") == 0);
    CHECK(why("- [31/Feb/2000:13:55:36 -0700] \"GET / HTTP/1.1\"").find("expected a time") == 0);
    CHECK(why("- [10/Oct/2000:13:55:36 -0700] GET /") == "expected a request in quotes");
    // TLS sent to a plain port, as nginx logs it.
    CHECK(why("- [10/Oct/2000:13:55:36 -0700] \"\\x16\\x03\\x01\" 400 157") ==
          "expected a method such as GET");
    CHECK(why("- [10/Oct/2000:13:55:36 -0700] \"GET x HTTP/1.1\" 400 157") ==
          "expected a path that can be asked for");
    CHECK(why("- [10/Oct/2000:13:55:36 -0700] \"GET /" + std::string(5000, 'x') +
              " HTTP/1.1\" 200 1") == "expected a path that can be asked for");
}

TEST_CASE("methods that need a body are skipped unless the log has it", "[loadgen][replay]") {
    CHECK(parse(LogFormat::common, "- [10/Oct/2000:13:55:36 +0000] \"POST /x HTTP/1.1\" 201 0")
              .kind == LineKind::other_method);
    CHECK(parse(LogFormat::common, "- [10/Oct/2000:13:55:36 +0000] \"PROPFIND /x HTTP/1.1\" 405 0")
              .kind == LineKind::other_method);
    const auto post =
        parse(LogFormat::ndjson, R"({"time":1700000000.25,"method":"POST","uri":"/v1/links",)"
                                 R"("body":{"url":"https://example.com/"}})");
    REQUIRE(post.kind == LineKind::request);
    CHECK(post.request.method == http::Method::post);
    CHECK(post.request.body == R"({"url":"https://example.com/"})");
    CHECK_FALSE(post.request.whole_second);
}

TEST_CASE("a path is sent as it was asked for, and can never end the request line",
          "[loadgen][replay]") {
    CHECK(sendable_path("/a/b?c=d&e=%20f") == "/a/b?c=d&e=%20f");
    CHECK(sendable_path("http://host:80/x?y") == "/x?y");
    CHECK(sendable_path("https://host") == "/");
    CHECK(sendable_path("/x#top") == "/x");
    CHECK(sendable_path("/caf\\xC3\\xA9") == "/caf%C3%A9");
    CHECK(sendable_path("/caf\xC3\xA9 x") == "/caf%C3%A9%20x");
    CHECK(sendable_path("/a\r\nHost: evil") == "/a%0D%0AHost:%20evil");
    CHECK(sendable_path("/\\x0D\\x0A") == "/%0D%0A");
    // As Apache writes a quote and a backslash; one that escapes nothing is itself.
    CHECK(sendable_path("/a\\\"b\\\\x41\\c\\") == "/a%22b%5Cx41%5Cc%5C");
    CHECK(parse(LogFormat::common, "- [10/Oct/2000:13:55:36 +0000] \"GET /\\\"x HTTP/1.1\" 200 0")
              .request.path == "/%22x");
    CHECK(sendable_path("*").empty());
    CHECK(sendable_path("").empty());
    CHECK(sendable_path("/go?u=http://x/y") == "/go?u=http://x/y");
}

TEST_CASE("a W3C log says which of its fields are which", "[loadgen][replay]") {
    LineParser parser(LogFormat::w3c);
    CHECK(parser.parse("2026-11-22 08:00:00 GET /x -").kind == LineKind::malformed);
    CHECK(parser.parse("#Version: 1.0").kind == LineKind::remark);
    CHECK(parser.parse("#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status").kind ==
          LineKind::remark);
    const auto plain = parser.parse("2026-11-22 08:00:00 GET /x - 200");
    REQUIRE(plain.kind == LineKind::request);
    CHECK(plain.request.path == "/x");
    CHECK(plain.request.whole_second);
    CHECK(parser.parse("2026-11-22 08:00:00.250 GET /x a=b 200").request.path == "/x?a=b");
    CHECK(parser.parse("2026-11-22 08:00:00 GET /x -").why == "expected 6 fields");
}

TEST_CASE("milliseconds and a URI are a request at that millisecond", "[loadgen][replay]") {
    const auto line = parse(LogFormat::ms_uri, "1500.5\t/viral");
    REQUIRE(line.kind == LineKind::request);
    CHECK(line.request.at_ns == 1'500'500'000);
    CHECK_FALSE(line.request.whole_second);
    CHECK(parse(LogFormat::ms_uri, "x\t/viral").kind == LineKind::malformed);
    CHECK(parse(LogFormat::ms_uri, "-1\t/viral").kind == LineKind::malformed);
    CHECK(parse(LogFormat::ms_uri, "12 /viral").kind == LineKind::malformed);
}

TEST_CASE("NDJSON is read under the names that servers use", "[loadgen][replay]") {
    const auto at = [](std::string_view text) {
        const auto line = parse(LogFormat::ndjson, text);
        INFO(line.why);
        REQUIRE(line.kind == LineKind::request);
        return line.request.at_ns;
    };
    const std::int64_t quarter = 1'700'000'000'250'000'000;
    CHECK(at(R"({"time":1700000000.25,"uri":"/x"})") == quarter);
    CHECK(at(R"({"ts":1700000000250,"path":"/x"})") == quarter);
    CHECK(at(R"({"msec":"1700000000.250","request_uri":"/x"})") == quarter);
    CHECK(at(R"({"@timestamp":"2023-11-14T22:13:20.250Z","url":"https://h/x"})") == quarter);
    CHECK(at(R"({"timestamp":"2023-11-14T23:13:20.25+01:00","request":"GET /x HTTP/1.1"})") ==
          quarter);
    CHECK(parse(LogFormat::ndjson, "[1]").why == "expected a JSON object");
    CHECK(parse(LogFormat::ndjson, R"({"uri":"/x"})").why.find("expected a time") == 0);
    CHECK(parse(LogFormat::ndjson, R"({"time":1})").why.find("expected a path") == 0);
}

TEST_CASE("a number is a time as far as nanoseconds can count, and none beyond",
          "[loadgen][replay]") {
    // Of seconds, milliseconds, microseconds and nanoseconds.
    for (const double unit_ns : {1e9, 1e6, 1e3}) {
        CAPTURE(unit_ns);
        const double last = std::floor(9.2e18 / unit_ns);
        REQUIRE(number_time(last).has_value());
        CHECK(number_time(last)->ns == static_cast<std::int64_t>(last) * std::llround(unit_ns));
        CHECK_FALSE(number_time(9.3e18 / unit_ns).has_value());
        // The largest number that is taken for this unit.
        CHECK_FALSE(number_time(std::nextafter(1e20 / unit_ns, 0)).has_value());
    }
    CHECK(number_time(7e18)->ns == 7'000'000'000'000'000'000);
    CHECK_FALSE(number_time(7.1e18).has_value());
    CHECK_FALSE(number_time(-1).has_value());
    CHECK_FALSE(number_time(std::nan("")).has_value());
    const auto line = parse(LogFormat::ndjson, R"({"time":99999999999,"uri":"/x"})");
    CHECK(line.why.find("expected a time") == 0);
}

TEST_CASE("a body that is nested without end is no reason to fall", "[loadgen][replay]") {
    const std::string deep(100'000, '[');
    const std::string shut(100'000, ']');
    const auto line = parse(LogFormat::ndjson,
                            R"({"time":1,"method":"POST","uri":"/x","body":)" + deep + shut + "}");
    CHECK(line.kind == LineKind::malformed);
    CHECK(line.why == "expected JSON that is nested 64 deep at most");
    CHECK(parse(LogFormat::ndjson, R"({"time":1,"uri":"/[[\"[[","x":[[[]]]})").kind ==
          LineKind::request);
}

TEST_CASE("the format of a log is told from its lines", "[loadgen][replay]") {
    CHECK(*detect_format({"garbage", "- [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 0"}) ==
          LogFormat::common);
    CHECK(*detect_format({"#Fields: date time cs-uri", "2026-11-22 08:00:00 /x"}) ==
          LogFormat::w3c);
    CHECK(*detect_format({R"({"time":1,"uri":"/x"})"}) == LogFormat::ndjson);
    CHECK(*detect_format({"0\t/x", "1\t/y"}) == LogFormat::ms_uri);
    const auto none = detect_format({"a", "b"});
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().message.find("none of its first 2 lines is a request") == 0);
    CHECK(detect_format({}).error().message == "is empty");
    CHECK(parse_log_format("combined").value() == LogFormat::common);
    CHECK_FALSE(parse_log_format("iis").has_value());
}
