#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qck::http::test {

using namespace std::string_literals;

struct RefusedRequest {
    std::string text;
    std::uint16_t status;
};

/// A POST with these header lines after Host.
inline std::string post_with(const std::string& headers) {
    return "POST /v1/links HTTP/1.1\r\nHost: a.example\r\n" + headers + "\r\nabcd";
}

/// A GET of this request line.
inline std::string line(const std::string& request_line) {
    return request_line + "\r\nHost: a.example\r\n\r\n";
}

/// Request heads that must be refused, with the status each is answered with.
inline std::vector<RefusedRequest> refused_requests() {
    return {
        // Content-Length (RFC 9112 section 6.3 and RFC 9110 section 8.6)
        {post_with("Content-Length: +4\r\n"), 400},
        {post_with("Content-Length: -4\r\n"), 400},
        {post_with("Content-Length: 0x4\r\n"), 400},
        {post_with("Content-Length: 4_0\r\n"), 400},
        {post_with("Content-Length: 4,4\r\n"), 400},
        {post_with("Content-Length: 4, 4\r\n"), 400},
        {post_with("Content-Length: 4 4\r\n"), 400},
        {post_with("Content-Length: 4;\r\n"), 400},
        {post_with("Content-Length: 4.0\r\n"), 400},
        {post_with("Content-Length: \"4\"\r\n"), 400},
        {post_with("Content-Length:\r\n"), 400},
        {post_with("Content-Length: \xc2\xb2\r\n"), 400},
        {post_with("Content-Length: 4\r\nContent-Length: 5\r\n"), 400},
        {post_with("Content-Length: 4\r\nContent-Length: 4\r\n"), 400},
        {post_with("Content-Length: 4\r\ncontent-length: 4\r\n"), 400},
        {post_with("Content-Length: 1048577\r\n"), 413},
        {post_with("Content-Length: 18446744073709551615\r\n"), 413},
        {post_with("Content-Length: 18446744073709551616\r\n"), 413},
        {post_with("Content-Length: 18446744073709551620\r\n"), 413},
        {post_with("Content-Length: 99999999999999999999999999\r\n"), 413},
        // Transfer-Encoding (RFC 9112 section 6.1)
        {post_with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 400},
        {post_with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400},
        {post_with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), 400},
        {post_with("Transfer-Encoding: gzip\r\n"), 501},
        {post_with("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {post_with("Transfer-Encoding: identity\r\n"), 501},
        {post_with("Transfer-Encoding: xchunked\r\n"), 501},
        {post_with("Transfer-Encoding: chunkedx\r\n"), 501},
        {post_with("Transfer-Encoding: chunked, chunked\r\n"), 400},
        {post_with("Transfer-Encoding: chunked, identity\r\n"), 400},
        {post_with("Transfer-Encoding: chunked;q=1\r\n"), 400},
        {post_with("Transfer-Encoding: ,chunked\r\n"), 400},
        {post_with("Transfer-Encoding: chunked,\r\n"), 400},
        {post_with("Transfer-Encoding: \"chunked\"\r\n"), 400},
        {post_with("Transfer-Encoding:\r\n"), 400},
        {post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        {post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
        {post_with("Transfer-Encoding: \vchunked\r\n"), 400},
        {post_with("Transfer-Encoding : chunked\r\n"), 400},
        {post_with("Transfer-Encoding\t: chunked\r\n"), 400},
        {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        // Line ends and control bytes (RFC 9112 section 2.2, RFC 9110 section 5.5)
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\nb: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"s, 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x1f\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \v\r\n\r\n", 400},
        {"\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        // Header lines (RFC 9112 section 5)
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n : c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nNoColon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTwo Words: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX(y): c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\x80: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX[0]: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent Length: 4\r\n\r\n", 400},
        // Host (RFC 9112 section 3.2)
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\xff\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a%41\r\n\r\n", 400},
        // Versions (RFC 9112 section 2.3)
        {line("GET / HTTP/2.0"), 505},
        {line("GET / HTTP/1.2"), 505},
        {line("GET / HTTP/0.9"), 505},
        {line("GET / HTTP/3.0"), 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {line("GET / HTTP/1"), 400},
        {line("GET / HTTP/1."), 400},
        {line("GET / HTTP/1.10"), 400},
        {line("GET / HTTP/01.1"), 400},
        {line("GET / HTTP/1,1"), 400},
        {line("GET / http/1.1"), 400},
        {line("GET / HTTPS/1.1"), 400},
        {line("GET / HTTP/+1.1"), 400},
        {line("GET / HTTP/ 1.1"), 400},
        {line("GET /"), 400},
        {line("GET / "), 400},
        {line("GET"), 400},
        {line("GET / HTTP/1.1 "), 400},
        {line("GET / HTTP/1.1\t"), 400},
        {line("GET /\tHTTP/1.1"), 400},
        // Methods (RFC 9112 section 3.1)
        {line("TRACE / HTTP/1.1"), 501},
        {line("CONNECT a.example:443 HTTP/1.1"), 501},
        {line("PROPFIND / HTTP/1.1"), 501},
        {line("get / HTTP/1.1"), 501},
        {line("G / HTTP/1.1"), 501},
        {line("GETGETGETGETGETGETGETGET / HTTP/1.1"), 501},
        {line("G@T / HTTP/1.1"), 400},
        {line("G\x80T / HTTP/1.1"), 400},
        {line("\"GET\" / HTTP/1.1"), 400},
        {line(" GET / HTTP/1.1"), 400},
        {line("\tGET / HTTP/1.1"), 400},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
        // Targets (RFC 9112 section 3.2)
        {line("GET  / HTTP/1.1"), 400},
        {line("GET /  HTTP/1.1"), 400},
        {line("GET  HTTP/1.1"), 400},
        {line("GET /a b HTTP/1.1"), 400},
        {line("GET abc HTTP/1.1"), 400},
        {line("GET ?q HTTP/1.1"), 400},
        {line("GET * HTTP/1.1"), 400},
        {line("OPTIONS ** HTTP/1.1"), 400},
        {line("GET /a#b HTTP/1.1"), 400},
        {line("GET /\x80 HTTP/1.1"), 400},
        {line("GET /\xc3\xa9 HTTP/1.1"), 400},
        {line("GET /\x7f HTTP/1.1"), 400},
        {line("GET /\x01 HTTP/1.1"), 400},
        {line("GET /a\0b HTTP/1.1"s), 400},
        {line("GET a.example:80 HTTP/1.1"), 400},
        {line("GET ftp://a.example/ HTTP/1.1"), 400},
        {line("GET http:///path HTTP/1.1"), 400},
        {line("GET http:// HTTP/1.1"), 400},
        {line("GET http://user@a.example/ HTTP/1.1"), 400},
        {line("GET http://a.example?q HTTP/1.1"), 400},
        {line("GET http://a.example:999999/ HTTP/1.1"), 400},
        {"GET http://a.example/ HTTP/1.1\r\n\r\n", 400},
        {line("GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1"), 414},
        {"GET /" + std::string(20 * 1024, 'a'), 414},
        // Sizes
        {post_with("X: " + std::string(16 * 1024, 'a') + "\r\n"), 431},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(17 * 1024, 'a'), 431},
        {[] {
             std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
             for (int header = 0; header < 100; ++header) text += "X: y\r\n";
             return text + "\r\n";
         }(),
         431},
        // Singletons that would be ambiguous
        {post_with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
        {post_with("Content-Type: a/b\r\nContent-Type: c/d\r\n"), 400},
        {post_with("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n"), 400},
    };
}

}  // namespace qck::http::test
