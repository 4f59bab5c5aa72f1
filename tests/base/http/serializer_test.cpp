#include "base/http/serializer.hpp"

#include "base/http/response_parser.hpp"
#include "tests/support/catch.hpp"

using namespace qck::http;
using namespace std::string_view_literals;

namespace {

std::string date_of(std::time_t second) {
    std::string text(http_date_bytes, '?');
    write_http_date(text.data(), second);
    return text;
}

}  // namespace

TEST_CASE("dates are written as the RFC wants them", "[base][http][serializer]") {
    CHECK(date_of(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(date_of(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(date_of(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
    HttpDate date;
    CHECK(date.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(date.at(784111778) == "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST_CASE("a response is written whole", "[base][http][serializer]") {
    const HeaderField headers[] = {{"Retry-After", "1"}};
    ResponseFields fields;
    fields.status = 503;
    fields.keep_alive = false;
    fields.content_type = "text/plain";
    fields.headers = headers;
    std::string out = "before ";
    append_response_head(out, fields, 4);
    out += "busy";
    CHECK(out ==
          "before HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: "
          "4\r\n"
          "Retry-After: 1\r\nConnection: close\r\n\r\nbusy");
}

TEST_CASE("keep-alive is said to HTTP/1.0 only, and no length with 204",
          "[base][http][serializer]") {
    ResponseFields fields;
    fields.status = 204;
    fields.version_minor = 0;
    std::string out;
    append_response_head(out, fields, 0);
    CHECK(out == "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("a value cannot end the head", "[base][http][serializer]") {
    const HeaderField headers[] = {{"Location", "/a\r\nSet-Cookie: x\0y"sv}};
    ResponseFields fields;
    fields.headers = headers;
    std::string out;
    append_response_head(out, fields, 0);
    CHECK(out == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLocation: /a  Set-Cookie: x y\r\n\r\n");
}

TEST_CASE("what the serializer writes the parser reads", "[base][http][serializer]") {
    std::string out;
    append_response_head(out, {404, true, 1, date_of(0), "a/b", {}}, 2);
    out += "no";
    const Limits limits;
    ResponseParser response(limits);
    response.reset(Method::get);
    REQUIRE(response.parse(out) == ParseStatus::complete);
    CHECK(response.head().status == 404);
    CHECK(response.head().content_length == 2);
}

TEST_CASE("statuses have their phrases in order", "[base][http][serializer]") {
    CHECK(reason_phrase(100) == "Continue");
    CHECK(reason_phrase(302) == "Found");
    CHECK(reason_phrase(410) == "Gone");
    CHECK(reason_phrase(507) == "Insufficient Storage");
    CHECK(reason_phrase(299).empty());
    CHECK(reason_phrase(999).empty());
}
