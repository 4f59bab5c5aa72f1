#include "services/stores/clickhouse/server_exception.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace qck::clickhouse {
namespace {

constexpr std::size_t message_bytes_max = 400;

struct Known {
    int code;
    Errc errc;
    std::string_view advice;
};
// ErrorCodes.cpp of ClickHouse.
constexpr std::array<Known, 8> known_codes{
    {{60, Errc::not_found, "run qck init"},
     {81, Errc::not_found, "run qck init"},
     {192, Errc::permission, "set user and password in --clickhouse"},
     {193, Errc::permission, "set user and password in --clickhouse"},
     {194, Errc::permission, "set user and password in --clickhouse"},
     {497, Errc::permission, "grant the user what it lacks"},
     {516, Errc::permission, "set user and password in --clickhouse"},
     {216, Errc::conflict, "it runs already"}}};

/// `Code: 60, e.displayText() = DB::Exception: TEXT, e.what() = …` of old servers, `Code: 60.
/// DB::Exception: TEXT. (UNKNOWN_TABLE) (version …)` of new ones.
std::string_view text_of(std::string_view body) {
    constexpr std::string_view mark = "DB::Exception: ";
    const auto begin = body.find(mark);
    if (begin != std::string_view::npos) body.remove_prefix(begin + mark.size());
    for (const std::string_view end :
         {std::string_view(", e.what() ="), std::string_view(" (version "),
          std::string_view("Stack trace:")}) {
        body = body.substr(0, body.find(end));
    }
    return body;
}

}  // namespace

int exception_code(std::string_view body) {
    int code = 0;
    if (body.starts_with("Code: ")) {
        std::from_chars(body.data() + 6, body.data() + body.size(), code);
    }
    return code;
}

Error server_exception(const std::string& node, unsigned status, std::string_view body) {
    const int code = exception_code(body);
    std::string text(text_of(body).substr(0, message_bytes_max));
    std::replace_if(
        text.begin(), text.end(), [](unsigned char byte) { return byte < ' '; }, ' ');
    while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
    const auto known = std::find_if(known_codes.begin(), known_codes.end(),
                                    [code](const Known& each) { return each.code == code; });
    std::string message = "ClickHouse at " + node + ": ";
    message += text.empty() ? "status " + std::to_string(status) : text;
    if (code != 0) message += " (code " + std::to_string(code);
    if (code != 0 && known != known_codes.end()) message += "; " + std::string(known->advice);
    if (code != 0) message += ")";
    return error(known == known_codes.end() ? Errc::unavailable : known->errc, std::move(message));
}

}  // namespace qck::clickhouse
