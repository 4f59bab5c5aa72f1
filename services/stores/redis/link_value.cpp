#include "services/stores/redis/link_value.hpp"

#include <charconv>

namespace qck::redis {
namespace {

/// Takes words off the front of a text.
class Words {
public:
    explicit Words(std::string_view text) : rest_(text) {}

    std::string_view next() {
        const auto end = std::min(rest_.find(' '), rest_.size());
        const std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return word;
    }
    template <class Number>
    Number number() {
        const std::string_view word = next();
        Number value = 0;
        const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (failure != std::errc() || end != word.data() + word.size()) good_ = false;
        return value;
    }
    template <class Number>
    std::optional<Number> maybe_number() {
        if (!rest_.starts_with('-')) return number<Number>();
        // A negative number is not set either: none of the fields has one.
        if (next() != "-") good_ = false;
        return std::nullopt;
    }
    std::string_view rest() const { return rest_; }
    bool good() const { return good_; }

private:
    std::string_view rest_;
    bool good_ = true;
};

template <class Number>
void append(std::string& text, std::optional<Number> number) {
    text += ' ';
    text += number ? std::to_string(*number) : "-";
}

void append_age(std::string& text, const LinkValue& value) {
    append(text, std::optional(value.stored_at_ms));
    append(text, std::optional(value.fetch_time.count()));
    append(text, std::optional(value.ttl.count()));
}

void read_age(Words& words, LinkValue& value) {
    value.stored_at_ms = words.number<std::int64_t>();
    value.fetch_time = std::chrono::microseconds(words.number<std::int64_t>());
    value.ttl = std::chrono::milliseconds(words.number<std::int64_t>());
}

}  // namespace

std::uint64_t version_of(const cache::Known& known) {
    return known.link ? known.link->version : known.absent_version;
}

std::string encode_link_value(const LinkValue& value) {
    std::string text = std::to_string(version_of(value.known));
    if (!value.known.link) {
        text += " A";
        append_age(text, value);
        return text;
    }
    const links::Link& link = *value.known.link;
    text += " L";
    append(text, std::optional(link.id));
    append(text, std::optional(link.status));
    append(text, link.max_age_s);
    append(text, link.expires_at_ms);
    append(text, std::optional(link.created_at_ms));
    append(text, std::optional(link.updated_at_ms));
    append_age(text, value);
    text += ' ';
    text += link.target;
    return text;
}

Result<LinkValue> decode_link_value(std::string_view text, std::string_view code) {
    Words words(text);
    LinkValue value;
    const auto version = words.number<std::uint64_t>();
    const std::string_view kind = words.next();
    if (kind == "A") {
        value.known.absent_version = version;
        read_age(words, value);
    } else if (kind == "L") {
        links::Link& link = value.known.link.emplace();
        link.version = version;
        link.code = code;
        link.id = words.number<std::uint64_t>();
        link.status = words.number<std::uint16_t>();
        link.max_age_s = words.maybe_number<std::uint32_t>();
        link.expires_at_ms = words.maybe_number<std::int64_t>();
        link.created_at_ms = words.number<std::int64_t>();
        link.updated_at_ms = words.number<std::int64_t>();
        read_age(words, value);
        link.target = words.rest();
        if (link.id == 0 || link.target.empty()) {
            return error(Errc::corrupt, "link:{" + std::string(code) + "} in Redis has no target");
        }
    }
    if (!words.good() || (kind != "A" && kind != "L")) {
        return error(Errc::corrupt, "link:{" + std::string(code) + "} in Redis holds no link");
    }
    return value;
}

}  // namespace qck::redis
