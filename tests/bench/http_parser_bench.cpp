// Cost of parsing one message head. Prints nanoseconds; under callgrind, run it with a message name
// and a small count and toggle on parse_many:
//   valgrind --tool=callgrind --toggle-collect='*parse_many*' http_parser_bench get 1000

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/http/request_parser.hpp"
#include "base/http/response_parser.hpp"

using namespace qck::http;

namespace {

constexpr std::string_view plain_get = "GET /abc123 HTTP/1.1\r\nHost: 127.0.0.1:18070\r\n\r\n";

constexpr std::string_view browser_get =
    "GET /abc123 HTTP/1.1\r\n"
    "Host: 127.0.0.1:18070\r\n"
    "Connection: keep-alive\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/119.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: cross-site\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Referer: https://social.example/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n\r\n";

constexpr std::string_view redirect =
    "HTTP/1.1 302 Found\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Location: https://www.example.com/some/landing/page?campaign=viral\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "X-Robots-Tag: noindex\r\n"
    "Content-Length: 0\r\n\r\n";

[[gnu::noinline]] std::size_t parse_many(RequestParser& parser, std::string_view text, long count) {
    std::size_t bytes = 0;
    for (long done = 0; done < count; ++done) {
        if (parser.parse(text) != ParseStatus::complete) std::abort();
        bytes += parser.head_bytes() + parser.head().target.size();
        parser.reset();
    }
    return bytes;
}

[[gnu::noinline]] std::size_t parse_many(ResponseParser& parser, std::string_view text,
                                         long count) {
    std::size_t bytes = 0;
    for (long done = 0; done < count; ++done) {
        parser.reset(Method::get);
        if (parser.parse(text) != ParseStatus::complete) std::abort();
        bytes += parser.head_bytes() + parser.head().location.size();
    }
    return bytes;
}

template <class Parser>
void measure(const char* name, std::string_view text, std::string_view wanted, long count) {
    if (!wanted.empty() && wanted != name) return;
    const Limits limits;
    Parser parser(limits);
    const std::string buffer(text);
    const std::int64_t begin = qck::monotonic_ns();
    const std::size_t bytes = parse_many(parser, buffer, count);
    const auto ns = static_cast<double>(qck::monotonic_ns() - begin);
    std::printf("%-10s %6zu bytes  %7.1f ns a head  (%zu)\n", name, text.size(),
                ns / static_cast<double>(count), bytes);
}

}  // namespace

int main(int argc, char* argv[]) {
    const std::string_view wanted = argc > 1 ? argv[1] : "";
    const long count = argc > 2 ? std::atol(argv[2]) : 2'000'000;
    measure<RequestParser>("get", plain_get, wanted, count);
    measure<RequestParser>("browser", browser_get, wanted, count);
    measure<ResponseParser>("redirect", redirect, wanted, count);
}
