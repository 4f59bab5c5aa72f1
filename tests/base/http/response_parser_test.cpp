#include "base/http/response_parser.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace qck::http;
using namespace std::string_literals;

namespace {

const Limits response_limits;

struct ParsedResponse {
    explicit ParsedResponse(std::string message, Method method = Method::get)
        : text(std::move(message)), parser(response_limits) {
        parser.reset(method);
        status = parser.parse(text);
    }
    ParsedResponse(const ParsedResponse&) = delete;

    const ResponseHead& head() const {
        INFO("refused: " << parser.error_reason());
        REQUIRE(status == ParseStatus::complete);
        return parser.head();
    }

    std::string text;
    ResponseParser parser;
    ParseStatus status = ParseStatus::need_more;
};

}  // namespace

TEST_CASE("a redirect is understood", "[base][http][response]") {
    const ParsedResponse parsed(
        "HTTP/1.1 302 Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nLocation: "
        "https://a.example/\r\n"
        "Cache-Control: private\r\nContent-Length: 0\r\n\r\nHTTP/1.1");
    CHECK(parsed.head().status == 302);
    CHECK(parsed.head().location == "https://a.example/");
    CHECK(parsed.head().framing == Framing::content_length);
    CHECK(parsed.head().content_length == 0);
    CHECK(parsed.head().keep_alive);
    CHECK(parsed.parser.head_bytes() == parsed.text.size() - 8);
}

TEST_CASE("the reason phrase may be empty, missing or long", "[base][http][response]") {
    for (const char* reason : {"", " ", " OK", " \xc3\xa9t\xc3\xa9", " a\tb c"}) {
        CAPTURE(reason);
        CHECK(ParsedResponse("HTTP/1.1 200"s + reason + "\r\nContent-Length: 1\r\n\r\n")
                  .head()
                  .status == 200);
    }
}

TEST_CASE("what has no body is known from method and status", "[base][http][response]") {
    const std::string sized = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    CHECK(ParsedResponse(sized).head().framing == Framing::content_length);
    CHECK(ParsedResponse(sized, Method::head).head().framing == Framing::none);
    CHECK(ParsedResponse(sized, Method::head).head().keep_alive);
    for (const char* status : {"204 No Content", "304 Not Modified"}) {
        const ParsedResponse parsed("HTTP/1.1 "s + status + "\r\nContent-Length: 10\r\n\r\n");
        CHECK(parsed.head().framing == Framing::none);
        CHECK(parsed.head().keep_alive);
    }
}

TEST_CASE("without a length the body runs until the connection closes", "[base][http][response]") {
    const ParsedResponse parsed("HTTP/1.1 200 OK\r\n\r\n");
    CHECK(parsed.head().framing == Framing::until_close);
    CHECK_FALSE(parsed.head().keep_alive);
    CHECK(ParsedResponse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").head().framing ==
          Framing::chunked);
}

TEST_CASE("interim responses are skipped", "[base][http][response]") {
    const ParsedResponse parsed(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: "
        "7\r\n\r\n"
        "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
    CHECK(parsed.head().status == 201);
    CHECK(parsed.head().content_length == 2);
    CHECK(parsed.parser.head_bytes() == parsed.text.size() - 2);
}

TEST_CASE("endless interim responses are refused", "[base][http][response]") {
    std::string text;
    while (text.size() < 20'000) text += "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK(ParsedResponse(text).status == ParseStatus::failed);
}

TEST_CASE("keep-alive follows version and Connection of a response", "[base][http][response]") {
    const auto keep_alive = [](const std::string& start, const std::string& connection) {
        const ParsedResponse parsed(start + "\r\nContent-Length: 0\r\n" + connection + "\r\n");
        return parsed.head().keep_alive;
    };
    CHECK(keep_alive("HTTP/1.1 200 OK", ""));
    CHECK_FALSE(keep_alive("HTTP/1.1 200 OK", "Connection: close\r\n"));
    CHECK_FALSE(keep_alive("HTTP/1.0 200 OK", ""));
    CHECK(keep_alive("HTTP/1.0 200 OK", "Connection: keep-alive\r\n"));
}

TEST_CASE("malformed responses are refused", "[base][http][response]") {
    const auto ok = [](const std::string& headers) {
        return "HTTP/1.1 200 OK\r\n" + headers + "\r\n";
    };
    for (const std::string& text : {"garbage\r\n"s,
                                    "\r\nHTTP/1.1 200 OK\r\n\r\n"s,
                                    "HTTP/1.1 200\nX: y\r\n\r\n"s,
                                    "HTTP/2.0 200 OK\r\n"s,
                                    "HTTP/1.2 200 OK\r\n"s,
                                    "http/1.1 200 OK\r\n"s,
                                    "HTTP/1.1 20 OK\r\n"s,
                                    "HTTP/1.1 2000 OK\r\n"s,
                                    "HTTP/1.1 099 OK\r\n"s,
                                    "HTTP/1.1 2x0 OK\r\n"s,
                                    "HTTP/1.1  200 OK\r\n"s,
                                    "HTTP/1.1\t200 OK\r\n"s,
                                    "HTTP/1.1 200\tOK\r\n"s,
                                    "HTTP/1.1 200 O\0K\r\n"s,
                                    "HTTP/1.1 101 Switching Protocols\r\n\r\n"s,
                                    ok("Content-Length: 1\r\nContent-Length: 1\r\n"),
                                    ok("Content-Length: -1\r\n"),
                                    ok("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
                                    ok("Transfer-Encoding: gzip, chunked\r\n"),
                                    ok("Content-Length: 1048577\r\n"),
                                    ok("X : y\r\n"),
                                    ok(" X: y\r\n"),
                                    ok("X: y\r\n z\r\n"),
                                    ok("X: \x01\r\n"),
                                    ok("nocolon\r\n"),
                                    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"s,
                                    ok("X: " + std::string(17'000, 'x') + "\r\n")}) {
        CAPTURE(text.substr(0, 100));
        const ParsedResponse parsed(text);
        CHECK(parsed.status == ParseStatus::failed);
        CHECK(parsed.parser.error_reason() != ""s);
    }
}

TEST_CASE("pipelined responses come out of one buffer", "[base][http][response]") {
    const std::string redirect = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    const std::string head_only =
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 12\r\n\r\n";
    const std::string text = redirect + head_only + redirect;
    ResponseParser parser(response_limits);
    std::string_view rest = text;
    std::string seen;
    for (const Method method : {Method::get, Method::head, Method::get}) {
        parser.reset(method);
        REQUIRE(parser.parse(rest) == ParseStatus::complete);
        seen += std::to_string(parser.head().status) + std::string(parser.head().location) +
                std::string(parser.head().content_type) + ';';
        rest.remove_prefix(parser.head_bytes());
    }
    CHECK(seen == "302/x;200a/b;302/x;");
    CHECK(rest.empty());
}
