#include "base/http/request_parser.hpp"

#include <string>

#include "tests/base/http/refused_requests.hpp"
#include "tests/support/catch.hpp"

using namespace qck::http;
using namespace std::string_literals;

namespace {

const Limits limits;

/// A parser that has seen `text`, which it keeps.
struct Parsed {
    explicit Parsed(std::string message)
        : text(std::move(message)), parser(limits), status(parser.parse(text)) {}
    Parsed(const Parsed&) = delete;

    const RequestHead& head() const {
        INFO("refused: " << parser.error_reason());
        REQUIRE(status == ParseStatus::complete);
        return parser.head();
    }

    std::string text;
    RequestParser parser;
    ParseStatus status;
};

}  // namespace

TEST_CASE("each malformed request is refused with its status", "[base][http][request]") {
    for (const auto& refused : test::refused_requests()) {
        CAPTURE(refused.text.substr(0, 200));
        const Parsed parsed(refused.text);
        CAPTURE(parsed.parser.error_reason());
        CHECK(parsed.status == ParseStatus::failed);
        CHECK(parsed.parser.error_status() == refused.status);
        CHECK(parsed.parser.error_reason() != ""s);
    }
}

TEST_CASE("a browser's request is understood", "[base][http][request]") {
    const Parsed parsed(
        "GET /abc123?utm=x%20y HTTP/1.1\r\nHost: sho.rt\r\nUser-Agent: Mozilla/5.0 "
        "(X11)\r\nReferer: https://a.example/\r\n"
        "Accept: text/html\r\nSec-Purpose:prefetch\r\nX-Forwarded-For: 10.0.0.1 "
        "\t\r\nAuthorization: \t Bearer t\r\n"
        "Connection: keep-alive\r\n\r\n");
    const RequestHead& head = parsed.head();
    CHECK(head.method == Method::get);
    CHECK(head.version_minor == 1);
    CHECK(head.keep_alive);
    CHECK(head.framing == Framing::none);
    CHECK(head.target == "/abc123?utm=x%20y");
    CHECK(head.path() == "/abc123");
    CHECK(head.query() == "utm=x%20y");
    CHECK(head.host == "sho.rt");
    CHECK(head.user_agent == "Mozilla/5.0 (X11)");
    CHECK(head.referer == "https://a.example/");
    CHECK(head.accept == "text/html");
    CHECK(head.purpose == "prefetch");
    CHECK(head.forwarded_for == "10.0.0.1");
    CHECK(head.authorization == "Bearer t");
    CHECK(head.content_type.empty());
    CHECK(parsed.parser.head_bytes() == parsed.text.size());
}

TEST_CASE("the country that an edge names is handed out", "[base][http][request]") {
    const Parsed with("GET / HTTP/1.1\r\nHost: a\r\ncf-ipcountry: DE\r\n\r\n");
    CHECK(with.head().ip_country == "DE");
    const Parsed without("GET / HTTP/1.1\r\nHost: a\r\nContent-Type: b\r\n\r\n");
    CHECK(without.head().ip_country.empty());
    CHECK(without.head().content_type == "b");
}

TEST_CASE("every method has its name", "[base][http][request]") {
    const std::pair<const char*, Method> methods[] = {
        {"GET", Method::get},        {"HEAD", Method::head},   {"POST", Method::post},
        {"PUT", Method::put},        {"PATCH", Method::patch}, {"DELETE", Method::delete_},
        {"OPTIONS", Method::options}};
    for (const auto& [name, method] : methods) {
        CAPTURE(name);
        CHECK(Parsed(name + " / HTTP/1.1\r\nHost: a\r\n\r\n"s).head().method == method);
    }
}

TEST_CASE("header names are known in any case", "[base][http][request]") {
    const Parsed parsed(
        "POST / HTTP/1.1\r\nhOST: a\r\nCONTENT-LENGTH: 3\r\ncontent-Type: a/b\r\nX-MOZ: "
        "prefetch\r\n\r\n");
    CHECK(parsed.head().host == "a");
    CHECK(parsed.head().content_length == 3);
    CHECK(parsed.head().content_type == "a/b");
    CHECK(parsed.head().purpose == "prefetch");
}

TEST_CASE("names that only look like known ones are not taken for them", "[base][http][request]") {
    const Parsed parsed(
        "GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nContent-Lengtg: 5\r\nUser.Agent: "
        "x\r\nHos|: b\r\n"
        "Transfer-Encodinh: chunked\r\nTransferxEncoding: chunked\r\nAccep4: x\r\n\r\n");
    CHECK(parsed.head().framing == Framing::none);
    CHECK(parsed.head().user_agent.empty());
    CHECK(parsed.head().accept.empty());
    CHECK(parsed.head().host == "a");
}

TEST_CASE("bodies are framed by Content-Length or chunks", "[base][http][request]") {
    const Parsed sized(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0042\r\nExpect: 100-Continue\r\n\r\n");
    CHECK(sized.head().framing == Framing::content_length);
    CHECK(sized.head().content_length == 42);
    CHECK(sized.head().expect_continue);
    const Parsed chunked("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ChunKed\r\n\r\n");
    CHECK(chunked.head().framing == Framing::chunked);
    CHECK_FALSE(chunked.head().expect_continue);
    const Parsed largest("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    CHECK(largest.head().content_length == 1048576);
    const Parsed empty(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    CHECK(empty.head().content_length == 0);
    CHECK_FALSE(empty.head().expect_continue);
}

TEST_CASE("keep-alive follows version and Connection", "[base][http][request]") {
    const auto keep_alive = [](const std::string& version, const std::string& connection) {
        const Parsed parsed("GET / HTTP/" + version + "\r\nHost: a\r\n" + connection + "\r\n");
        return parsed.head().keep_alive;
    };
    CHECK(keep_alive("1.1", ""));
    CHECK_FALSE(keep_alive("1.1", "Connection: close\r\n"));
    CHECK_FALSE(keep_alive("1.1", "Connection: foo , CLOSE,bar\r\n"));
    CHECK_FALSE(keep_alive("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    CHECK(keep_alive("1.1", "Connection: closed\r\n"));
    CHECK(keep_alive("1.1", "Connection: ,,\r\n"));
    CHECK_FALSE(keep_alive("1.0", ""));
    CHECK(keep_alive("1.0", "Connection: Keep-Alive\r\n"));
    CHECK_FALSE(keep_alive("1.0", "Connection: keep-alive, close\r\n"));
}

TEST_CASE("HTTP/1.0 may leave Host out and does not get 100 Continue", "[base][http][request]") {
    const Parsed parsed("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    CHECK(parsed.head().version_minor == 0);
    CHECK(parsed.head().host.empty());
    CHECK_FALSE(parsed.head().expect_continue);
}

TEST_CASE("an absolute target is reduced to its path and replaces Host", "[base][http][request]") {
    const Parsed parsed("GET http://b.example:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(parsed.head().target == "/x?y");
    CHECK(parsed.head().host == "b.example:81");
    const Parsed bare("GET HTTPS://[::1]:81 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(bare.head().target == "/");
    CHECK(bare.head().host == "[::1]:81");
    const Parsed options("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(options.head().target == "*");
    CHECK(Parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head().target == "*");
}

TEST_CASE("hosts may be names and addresses, with a port", "[base][http][request]") {
    for (const char* host : {"a", "a.b-c_d~e", "127.0.0.1:18070", "[::1]", "[2001:db8::1]:65535",
                             "a:", "xn--bcher-kva.example:0"}) {
        CAPTURE(host);
        CHECK(Parsed("GET / HTTP/1.1\r\nHost: "s + host + "\r\n\r\n").head().host == host);
    }
}

TEST_CASE("values may hold tabs and bytes above ASCII", "[base][http][request]") {
    const Parsed parsed(
        "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xc3\xa9\tx\x80\xff\r\nReferer:\r\nAccept: \t "
        "\r\n\r\n");
    CHECK(parsed.head().user_agent == "\xc3\xa9\tx\x80\xff");
    CHECK(parsed.head().referer.empty());
    CHECK(parsed.head().accept.empty());
}

TEST_CASE("one empty line before a request is skipped", "[base][http][request]") {
    const Parsed parsed("\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(parsed.head().target == "/x");
    CHECK(parsed.parser.head_bytes() == parsed.text.size());
}

TEST_CASE("the last of repeated headers counts", "[base][http][request]") {
    const Parsed parsed(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: forged\r\nX-Forwarded-For: "
        "10.0.0.1\r\n\r\n");
    CHECK(parsed.head().forwarded_for == "10.0.0.1");
}

TEST_CASE("many requests come out of one buffer", "[base][http][request]") {
    const std::string first =
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nUser-Agent: x\r\n\r\n";
    const std::string second = "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
    const std::string third = "HEAD http://c/3 HTTP/1.0\r\n\r\n";
    const std::string text = first + second + third + second;
    RequestParser parser(limits);
    std::string_view rest = text;
    std::string seen;
    while (!rest.empty()) {
        REQUIRE(parser.parse(rest) == ParseStatus::complete);
        const RequestHead& head = parser.head();
        seen += std::string(head.target) + ' ' + std::string(head.host) + ' ' +
                std::string(head.user_agent) + ';';
        rest.remove_prefix(parser.head_bytes());
        parser.reset();
    }
    CHECK(seen == "/1 a x;/2 b ;/3 c ;/2 b ;");
}

TEST_CASE("an incomplete head asks for more, and its verdict is final", "[base][http][request]") {
    RequestParser parser(limits);
    CHECK(parser.parse("") == ParseStatus::need_more);
    CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r") == ParseStatus::need_more);
    CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == ParseStatus::complete);
    CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\nmore") == ParseStatus::complete);
    parser.reset();
    CHECK(parser.parse("BAD\n") == ParseStatus::failed);
    CHECK(parser.parse("BAD\nmore") == ParseStatus::failed);
    parser.reset();
    CHECK(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == ParseStatus::complete);
}

TEST_CASE("limits hold to the byte", "[base][http][request]") {
    Limits tight;
    tight.target_bytes_max = 10;
    tight.head_bytes_max = 80;
    tight.headers_max = 2;
    tight.body_bytes_max = 5;
    const auto status_of = [&tight](const std::string& text) -> int {
        RequestParser parser(tight);
        const ParseStatus status = parser.parse(text);
        return status == ParseStatus::complete ? 200 : parser.error_status();
    };
    CHECK(status_of("GET /234567890 HTTP/1.1\r\nHost: a\r\n\r\n") == 200);
    CHECK(status_of("GET /2345678901 HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
    CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n") == 200);
    CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n") == 431);
    CHECK(status_of("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n") == 200);
    CHECK(status_of("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n") == 413);
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    const auto padded = [&head](std::size_t bytes) {
        return head + std::string(bytes - head.size() - 4, 'x') + "\r\n\r\n";
    };
    CHECK(status_of(padded(80)) == 200);
    CHECK(status_of(padded(81)) == 431);
}
