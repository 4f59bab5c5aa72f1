#include "cli/secret_arguments.hpp"

#include <cstring>
#include <string_view>

namespace qck::cli {
namespace {

void blot_out(char* begin, const char* end) {
    if (begin < end) std::memset(begin, 'x', static_cast<std::size_t>(end - begin));
}

/// `SECRET` in scheme://USER:SECRET@HOST, of each URL of a list.
void hide_password_of_url(char* argument) {
    for (char* at = argument; (at = std::strstr(at, "://")) != nullptr;) {
        at += 3;
        char* const host = at + std::strcspn(at, "/?,");
        char* const colon = at + std::strcspn(at, ":");
        char* sign = host;
        while (sign > at && *sign != '@') --sign;
        if (*sign == '@' && colon < sign) blot_out(colon + 1, sign);
        at = host;
    }
}

/// Where a value of libpq's NAME=VALUE ends: in quotes, with backslashes, or of a URL's query.
const char* end_of_value(const char* at) {
    const bool quoted = *at == '\'';
    if (quoted) ++at;
    while (*at != '\0' && (quoted ? *at != '\'' : std::strchr("& \t\n", *at) == nullptr)) {
        if (*at == '\\' && at[1] != '\0') ++at;
        ++at;
    }
    return at;
}

/// `SECRET` in password=SECRET, sslpassword = 'SECRET', however often.
void hide_password_words(char* argument) {
    constexpr std::string_view name = "password";
    for (char* at = argument; (at = std::strstr(at, name.data())) != nullptr;) {
        at += name.size();
        char* value = at + std::strspn(at, " \t\n");
        if (*value != '=') continue;
        ++value;
        value += std::strspn(value, " \t\n");
        const char* const end = end_of_value(value);
        blot_out(value, end);
        at = value + (end - value);
    }
}

/// Flags with secrets in their values: all of it, what follows the program's name, the query.
struct SecretFlag {
    std::string_view name;
    const char* begin_after;
};
constexpr SecretFlag secret_flags[] = {
    {"--token", ""}, {"--fleet-token", ""}, {"--count-cmd", " \t"}, {"--count-url", "?"}};

}  // namespace

void hide_secrets(int argc, char* argv[]) {
    for (int i = 1; i < argc; ++i) {
        hide_password_of_url(argv[i]);
        hide_password_words(argv[i]);
        for (const SecretFlag& flag : secret_flags) {
            if (!std::string_view(argv[i]).starts_with(flag.name)) continue;
            char* value = argv[i] + flag.name.size();
            if (*value == '\0' && i + 1 < argc) {
                value = argv[i + 1];
            } else if (*value++ != '=') {
                continue;
            }
            if (*flag.begin_after != '\0') {
                value += std::strcspn(value, flag.begin_after);
                if (*value != '\0') ++value;
            }
            blot_out(value, value + std::strlen(value));
        }
    }
}

}  // namespace qck::cli
