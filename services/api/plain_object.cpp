#include "services/api/plain_object.hpp"

#include <charconv>

namespace qck::api {
namespace {

/// Takes the tokens of JSON (RFC 8259) off the front of a text; false where it has something else.
class PlainTokens {
public:
    explicit PlainTokens(std::string_view text)
        : at_(text.data()), end_(text.data() + text.size()) {}

    /// `mark`, with white space before it.
    bool take(char mark) {
        skip_space();
        if (at_ == end_ || *at_ != mark) return false;
        ++at_;
        return true;
    }
    /// Nothing is left but white space.
    bool at_end() {
        skip_space();
        return at_ == end_;
    }
    bool take_string(std::string_view& text) {
        if (!take('"')) return false;
        const char* const begin = at_;
        while (at_ != end_ && *at_ != '"') {
            const auto byte = static_cast<unsigned char>(*at_);
            if (byte < 0x20 || byte >= 0x80 || byte == '\\') return false;
            ++at_;
        }
        if (at_ == end_) return false;
        text = {begin, static_cast<std::size_t>(at_ - begin)};
        ++at_;
        return true;
    }
    /// What follows a fraction's or an exponent's number is not taken, and fails as the next token.
    bool take_whole(std::int64_t& number) {
        skip_space();
        const char* const digits = at_ != end_ && *at_ == '-' ? at_ + 1 : at_;
        if (digits != end_ && *digits == '0' && digits + 1 != end_ && digits[1] >= '0' &&
            digits[1] <= '9') {
            return false;
        }
        const auto [after, failed] = std::from_chars(at_, end_, number);
        if (failed != std::errc{}) return false;
        at_ = after;
        return true;
    }
    bool take_null() {
        skip_space();
        if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with("null")) {
            return false;
        }
        at_ += 4;
        return true;
    }

private:
    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }

    const char* at_;
    const char* end_;
};

bool take_plain(PlainTokens& tokens, LinkFields::Field<std::string>& field) {
    if (field) return false;  // twice
    std::string_view text;
    if (tokens.take_string(text)) {
        field.emplace(std::in_place, text);
        return true;
    }
    field.emplace();
    return tokens.take_null();
}

bool take_plain(PlainTokens& tokens, LinkFields::Field<std::int64_t>& field) {
    if (field) return false;
    std::int64_t number = 0;
    if (tokens.take_whole(number)) {
        field.emplace(number);
        return true;
    }
    field.emplace();
    return tokens.take_null();
}

bool take_plain_field(PlainTokens& tokens, std::string_view name, LinkFields& fields) {
    if (name == "url") return take_plain(tokens, fields.url);
    if (name == "code") return take_plain(tokens, fields.code);
    if (name == "status") return take_plain(tokens, fields.status);
    if (name == "max_age") return take_plain(tokens, fields.max_age);
    if (name == "expires_at") return take_plain(tokens, fields.expires_at);
    if (name == "version") return take_plain(tokens, fields.version);
    return false;
}

}  // namespace

bool read_plain_object(std::string_view text, LinkFields& fields) {
    PlainTokens tokens(text);
    if (!tokens.take('{')) return false;
    if (!tokens.take('}')) {
        do {
            std::string_view name;
            if (!tokens.take_string(name) || !tokens.take(':')) return false;
            if (!take_plain_field(tokens, name, fields)) return false;
        } while (tokens.take(','));
        if (!tokens.take('}')) return false;
    }
    return tokens.at_end();
}

}  // namespace qck::api
