#include "services/redirect/answers.hpp"

#include <cstring>

namespace qck::redirect {
namespace {

constexpr std::string_view end_keeping_alive = "\r\n\r\n";
constexpr std::string_view end_closing = "\r\nConnection: close\r\n\r\n";

struct Fixed {
    std::string head;  ///< up to and with `Date: `
    std::string body;
};

Fixed make_fixed(std::string_view status_line, std::string_view headers, std::string_view type,
                 std::string body) {
    Fixed made;
    made.head = "HTTP/1.1 " + std::string(status_line) + "\r\nContent-Type: " + std::string(type) +
                "\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\nCache-Control: no-store\r\nX-Robots-Tag: noindex\r\n" + std::string(headers) +
                "Date: ";
    made.body = std::move(body);
    return made;
}

Fixed make_problem(std::string_view status_line, std::string_view headers, std::string_view type,
                   std::string_view detail) {
    return make_fixed(status_line, headers, "application/problem+json",
                      R"({"type":"urn:qck:)" + std::string(type) + R"(","status":)" +
                          std::string(status_line.substr(0, 3)) + R"(,"detail":")" +
                          std::string(detail) + "\"}\n");
}

const Fixed& fixed_answer(Answers::Kind kind) {
    static const std::array<Fixed, 7> answers{
        make_problem("404 Not Found", "", "no-such-link", "there is no such link"),
        make_problem("410 Gone", "", "link-expired", "the link has expired"),
        make_problem("503 Service Unavailable", "Retry-After: 1\r\n", "journal-full",
                     "the click journal is full, and no click goes uncounted"),
        make_problem("503 Service Unavailable", "Retry-After: 1\r\n", "overloaded",
                     "too many links are being looked up"),
        make_problem("503 Service Unavailable", "Retry-After: 1\r\n", "store-unavailable",
                     "the link store does not answer"),
        make_problem("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "method-not-allowed",
                     "links answer GET and HEAD"),
        make_fixed("200 OK", "", "text/plain", "ok\n"),
    };
    return answers[static_cast<std::size_t>(kind)];
}

char* copy(char* at, std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
}

}  // namespace

void Answers::redirect(http_server::Output& out, std::string_view head, bool keep_alive) const {
    const std::string_view end = keep_alive ? end_keeping_alive : end_closing;
    char* at = out.claim(head.size() + date_.size() + end.size());
    at = copy(at, head);
    at = copy(at, {date_.data(), date_.size()});
    copy(at, end);
}

void Answers::fixed(http_server::Output& out, Kind kind, bool head_only, bool keep_alive) const {
    const Fixed& answer = fixed_answer(kind);
    redirect(out, answer.head, keep_alive);
    if (!head_only) out.append(answer.body);
}

void Answers::renew_date(std::int64_t wall_ms) {
    const std::int64_t second = wall_ms / 1000;
    http::write_http_date(date_.data(), static_cast<std::time_t>(second));
    next_second_ms_ = (second + 1) * 1000;
}

}  // namespace qck::redirect
