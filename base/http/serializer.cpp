#include "base/http/serializer.hpp"

#include <algorithm>
#include <charconv>

namespace qck::http {
namespace {

void append_two_digits(char*& at, int value) {
    *at++ = static_cast<char>('0' + value / 10);
    *at++ = static_cast<char>('0' + value % 10);
}

void append_text(char*& at, std::string_view text) { at = std::copy(text.begin(), text.end(), at); }

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), written.ptr);
}

void append_value(std::string& out, std::string_view value) {
    const std::size_t before = out.size();
    out += value;
    const auto splits = [](char byte) { return byte == '\r' || byte == '\n' || byte == '\0'; };
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), splits, ' ');
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    append_value(out, value);
    out += "\r\n";
}

void append_content_length(std::string& out, std::uint64_t body_bytes) {
    out += "Content-Length: ";
    append_number(out, body_bytes);
    out += "\r\n";
}

bool may_have_content_length(std::uint16_t status) {
    return status >= 200 && status != 204 && status != 304;
}

}  // namespace

void write_http_date(char* out, std::time_t second) {
    static constexpr std::string_view days = "SunMonTueWedThuFriSat";
    static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::tm at{};
    ::gmtime_r(&second, &at);
    append_text(out, days.substr(static_cast<std::size_t>(at.tm_wday) * 3, 3));
    append_text(out, ", ");
    append_two_digits(out, at.tm_mday);
    *out++ = ' ';
    append_text(out, months.substr(static_cast<std::size_t>(at.tm_mon) * 3, 3));
    *out++ = ' ';
    const int year = at.tm_year + 1900;
    append_two_digits(out, year / 100);
    append_two_digits(out, year % 100);
    *out++ = ' ';
    append_two_digits(out, at.tm_hour);
    *out++ = ':';
    append_two_digits(out, at.tm_min);
    *out++ = ':';
    append_two_digits(out, at.tm_sec);
    append_text(out, " GMT");
}

std::string_view reason_phrase(std::uint16_t status) {
    struct Phrase {
        std::uint16_t status;
        std::string_view text;
    };
    static constexpr Phrase phrases[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    const auto* const found = std::lower_bound(
        std::begin(phrases), std::end(phrases), status,
        [](const Phrase& phrase, std::uint16_t wanted) { return phrase.status < wanted; });
    return found != std::end(phrases) && found->status == status ? found->text : std::string_view{};
}

std::string_view method_name(Method method) {
    static constexpr std::array<std::string_view, 7> names{"GET",   "HEAD",   "POST",   "PUT",
                                                           "PATCH", "DELETE", "OPTIONS"};
    return names[static_cast<std::size_t>(method)];
}

void append_response_head(std::string& out, const ResponseFields& fields,
                          std::uint64_t body_bytes) {
    out += "HTTP/1.1 ";
    append_number(out, fields.status);
    out += ' ';
    out += reason_phrase(fields.status);
    out += "\r\n";
    if (!fields.date.empty()) append_field(out, "Date", fields.date);
    if (!fields.content_type.empty()) append_field(out, "Content-Type", fields.content_type);
    if (may_have_content_length(fields.status)) append_content_length(out, body_bytes);
    for (const HeaderField& header : fields.headers) append_field(out, header.name, header.value);
    if (!fields.keep_alive) {
        out += "Connection: close\r\n";
    } else if (fields.version_minor == 0) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
}

}  // namespace qck::http
