#include "services/stores/postgres/shown_url.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace qck::postgres {
namespace {

constexpr std::string_view hidden = "***";
constexpr std::string_view spaces = " \t\n\r\f\v";

bool is_secret(std::string_view name) { return name == "password" || name == "sslpassword"; }

struct Word {
    std::string_view name;
    std::string_view value;  ///< as it stands there, with its quotes
};

void skip_spaces(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(spaces), rest.size()));
}

/// Up to the quote that ends it, or a space; a backslash takes the next byte with it. Nothing when
/// the quote is missing.
std::optional<std::string_view> take_value(std::string_view& rest) {
    const bool quoted = rest.starts_with('\'');
    std::size_t at = quoted ? 1 : 0;
    for (; at < rest.size(); ++at) {
        if (rest[at] == '\\') {
            ++at;
        } else if (quoted ? rest[at] == '\'' : spaces.find(rest[at]) != std::string_view::npos) {
            break;
        }
    }
    if (quoted && at >= rest.size()) return std::nullopt;
    const std::size_t end = std::min(quoted ? at + 1 : at, rest.size());
    const auto value = rest.substr(0, end);
    rest.remove_prefix(end);
    return value;
}

/// `name = value …` (PostgreSQL documentation, "Keyword/Value Connection Strings").
std::optional<std::vector<Word>> words_of(std::string_view rest) {
    std::vector<Word> words;
    while (true) {
        skip_spaces(rest);
        if (rest.empty()) return words;
        const auto end = std::min(rest.find_first_of(" \t\n\r\f\v="), rest.size());
        Word word{rest.substr(0, end), {}};
        rest.remove_prefix(end);
        skip_spaces(rest);
        if (word.name.empty() || !rest.starts_with('=')) return std::nullopt;
        rest.remove_prefix(1);
        skip_spaces(rest);
        const auto value = take_value(rest);
        if (!value) return std::nullopt;
        word.value = *value;
        words.push_back(word);
    }
}

/// A URL in parts: `scheme://`, user, password, and what follows the last `@` before the query.
struct UrlParts {
    std::string_view scheme, user, password, rest;
    bool has_user = false;
};

UrlParts parts_of(std::string_view url) {
    UrlParts parts;
    const auto begin = url.find("://") + 3;
    parts.scheme = url.substr(0, begin);
    parts.rest = url.substr(begin);
    const auto at = parts.rest.substr(0, parts.rest.find('?')).rfind('@');
    if (at == std::string_view::npos) return parts;
    parts.has_user = true;
    parts.user = parts.rest.substr(0, at);
    parts.rest.remove_prefix(at + 1);
    const auto colon = parts.user.find(':');
    if (colon == std::string_view::npos) return parts;
    parts.password = parts.user.substr(colon + 1);
    parts.user = parts.user.substr(0, colon);
    return parts;
}

std::string without_secrets(const UrlParts& url) {
    std::string text(url.scheme);
    if (url.has_user) text.append(url.user).append("@");
    const auto query = std::min(url.rest.find('?'), url.rest.size());
    text.append(url.rest.substr(0, query));
    std::string_view rest = url.rest.substr(query);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&', 1), rest.size());
        const auto pair = rest.substr(0, end);
        const auto equals = std::min(pair.find('='), pair.size());
        const auto name = pair.substr(1, equals - 1);
        // A name that is encoded may be any.
        const bool secret = is_secret(name) || name.find('%') != std::string_view::npos;
        text.append(pair.substr(0, secret ? std::min(equals + 1, pair.size()) : pair.size()));
        if (secret) text.append(hidden);
        rest.remove_prefix(end);
    }
    return text;
}

}  // namespace

bool is_url(std::string_view text) {
    return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

std::string shown_url(const std::string& url) {
    if (is_url(url)) return without_secrets(parts_of(url));
    const auto words = words_of(url);
    if (!words) return "PostgreSQL";
    std::string text;
    for (const Word& word : *words) {
        if (!text.empty()) text += ' ';
        text.append(word.name).append("=").append(is_secret(word.name) ? hidden : word.value);
    }
    return text;
}

Result<void> check_url(const std::string& url) {
    const bool encoded =
        !is_url(url) || parts_of(url).password.find_first_of("/?#@[] ") == std::string_view::npos;
    if (encoded && (is_url(url) || words_of(url))) return {};
    return error(Errc::invalid_argument,
                 std::string(encoded ? "the address of PostgreSQL is malformed"
                                     : "the password in the address of PostgreSQL is not "
                                       "percent-encoded") +
                     " (try postgresql://USER:PASSWORD@HOST:5432/DATABASE, or host=HOST user=USER "
                     "password='…')");
}

}  // namespace qck::postgres
