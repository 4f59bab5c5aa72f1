#include "services/api/link_json.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <variant>

#include "services/api/plain_object.hpp"
#include "services/links/time_text.hpp"

namespace qck::api {
namespace {

using nlohmann::json;

constexpr std::string_view known_fields = "url, code, status, max_age, expires_at";

enum class Name : std::uint8_t { url, code, status, max_age, expires_at, version, unknown };

struct Known {
    std::string_view text;
    Name name;
    std::string_view expected;
};
constexpr std::array known{
    Known{"url", Name::url, "a string"},
    Known{"code", Name::code, "a string"},
    Known{"status", Name::status, "301, 302, 307 or 308"},
    Known{"max_age", Name::max_age, "a whole number of seconds or null"},
    Known{"expires_at", Name::expires_at, "a time as a string or null"},
    Known{"version", Name::version, "a whole number"},
};

Error refused(std::string message) { return error(Errc::invalid_argument, std::move(message)); }

/// A field's name from outside, fit for one line.
std::string shown(std::string_view name) {
    std::string text;
    append_string(text, name.substr(0, 64));
    return text;
}

/// Builds LinkFields from the events of nlohmann's parser; keeps no document. The nesting that
/// matters is one array and one object; what lies deeper is an error of its object and skipped.
class ObjectReader : public nlohmann::json_sax<json> {
public:
    ObjectReader(bool array, const EachObject& each) : each_(each), object_depth_(array ? 2 : 1) {}

    bool null() override { return value("null", std::monostate{}); }
    bool boolean(bool) override { return value("true or false", std::nullopt); }
    bool number_integer(std::int64_t number) override { return value("a number", number); }
    bool number_unsigned(std::uint64_t number) override {
        constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        if (number > max) return value("a number out of range", std::nullopt);
        return value("a number", static_cast<std::int64_t>(number));
    }
    bool number_float(double, const std::string&) override {
        return value("a number that is not whole", std::nullopt);
    }
    bool string(std::string& text) override { return value("a string", std::move(text)); }
    bool binary(json::binary_t&) override { return value("bytes", std::nullopt); }

    bool start_object(std::size_t) override { return open(true, "an object"); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(false, "an array"); }
    bool end_array() override { return close(); }
    bool key(std::string& text) override {
        if (depth_ == object_depth_) take_name(text);
        return true;
    }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        failure_ = "the body is not JSON: unexpected input at byte " + std::to_string(position);
        return false;
    }

    const std::string& failure() const { return failure_; }

private:
    using Value = std::variant<std::nullopt_t, std::monostate, std::int64_t, std::string>;

    bool not_expected() {
        failure_ = object_depth_ == 2 ? "expected an array of objects" : "expected an object";
        return false;
    }
    bool open(bool object, std::string_view got) {
        ++depth_;
        if (depth_ > object_depth_) {
            if (depth_ == object_depth_ + 1 && name_ != Name::unknown) fail_field(got);
            return true;
        }
        if (depth_ < object_depth_) return !object || not_expected();
        if (!object && object_depth_ == 1) return not_expected();
        begin();
        if (!object) fail("expected an object");
        return true;
    }
    bool close() {
        if (depth_-- == object_depth_) finish();
        return true;
    }
    void begin() {
        fields_ = LinkFields{};
        problem_.clear();
        name_ = Name::unknown;
    }
    void finish() {
        if (problem_.empty()) {
            each_(std::move(fields_));
        } else {
            each_(refused(std::move(problem_)));
        }
    }
    void fail(std::string why) {
        if (problem_.empty()) problem_ = std::move(why);
    }
    void fail_field(std::string_view got) {
        fail("field " + shown(name_text_) + ": expected " + std::string(expected_) + ", got " +
             std::string(got));
    }
    void take_name(std::string& text) {
        name_text_.swap(text);
        name_ = Name::unknown;
        for (const auto& field : known) {
            if (field.text != name_text_) continue;
            name_ = field.name;
            expected_ = field.expected;
            return;
        }
        fail("unknown field " + shown(name_text_) + ": expected " + std::string(known_fields));
    }

    template <class T>
    void assign(LinkFields::Field<T>& field, Value& value, std::string_view got) {
        if (field) {
            fail("field " + shown(name_text_) + " appears twice");
        } else if (std::holds_alternative<std::monostate>(value)) {
            field.emplace();
        } else if (auto* typed = std::get_if<T>(&value)) {
            field.emplace(std::move(*typed));
        } else {
            fail_field(got);
        }
    }

    bool value(std::string_view got, Value value) {
        if (depth_ < object_depth_) {
            if (depth_ == 0) return not_expected();
            begin();
            fail("expected an object");
            finish();
            return true;
        }
        if (depth_ > object_depth_) return true;
        switch (name_) {
            case Name::url:
                assign(fields_.url, value, got);
                break;
            case Name::code:
                assign(fields_.code, value, got);
                break;
            case Name::status:
                assign(fields_.status, value, got);
                break;
            case Name::max_age:
                assign(fields_.max_age, value, got);
                break;
            case Name::expires_at:
                assign(fields_.expires_at, value, got);
                break;
            case Name::version:
                assign(fields_.version, value, got);
                break;
            case Name::unknown:
                break;
        }
        return true;
    }

    const EachObject& each_;
    int object_depth_;
    int depth_ = 0;
    LinkFields fields_;
    std::string problem_;  ///< of the object in hand; empty while it is good
    std::string name_text_;
    Name name_ = Name::unknown;
    std::string_view expected_;
    std::string failure_;
};

template <class T>
std::optional<T> flattened(LinkFields::Field<T>& field) {
    return field ? std::move(*field) : std::nullopt;
}

/// The instant that a field holds, empty when it is null.
Result<std::optional<std::int64_t>> instant(const std::optional<std::string>& text) {
    if (!text) return std::optional<std::int64_t>{};
    auto time = links::parse_time(*text);
    if (!time) return refused("field \"expires_at\": " + time.error().message);
    return std::optional(*time);
}

}  // namespace

Result<void> read_objects(std::string_view text, bool array, const EachObject& each) {
    if (LinkFields fields; !array && read_plain_object(text, fields)) {
        each(std::move(fields));
        return {};
    }
    ObjectReader reader(array, each);
    if (!json::sax_parse(text.begin(), text.end(), &reader)) return refused(reader.failure());
    return {};
}

Result<links::Link> link_from(LinkFields fields, const links::LinkRules& rules,
                              std::int64_t now_ms) {
    if (fields.version) return refused("field \"version\": the service sets it, leave it out");
    auto url = flattened(fields.url);
    if (!url) return refused("field \"url\" is missing: expected an http or https address");
    auto expires_at_ms = instant(flattened(fields.expires_at));
    if (!expires_at_ms) return expires_at_ms.error();
    return links::link_from({std::move(*url), flattened(fields.code), flattened(fields.status),
                             flattened(fields.max_age), *expires_at_ms},
                            rules, now_ms);
}

Result<links::LinkPatch> patch_from(LinkFields fields, const links::LinkRules& rules,
                                    std::int64_t now_ms) {
    if (fields.code) return refused("field \"code\": a code cannot be changed (make a new link)");
    if ((fields.url && !*fields.url) || (fields.status && !*fields.status) ||
        (fields.version && !*fields.version)) {
        return refused("null clears only max_age and expires_at");
    }
    links::LinkPatch patch;
    patch.target = flattened(fields.url);
    if (const auto status = flattened(fields.status)) {
        if (auto good = links::check_status(*status); !good) return good.error();
        patch.status = static_cast<std::uint16_t>(*status);
    }
    if (fields.max_age) {
        patch.max_age_s.emplace();
        if (const auto max_age = *fields.max_age) {
            if (auto good = links::check_max_age(*max_age, rules); !good) return good.error();
            patch.max_age_s->emplace(static_cast<std::uint32_t>(*max_age));
        }
    }
    if (fields.expires_at) {
        auto expires_at_ms = instant(*fields.expires_at);
        if (!expires_at_ms) return expires_at_ms.error();
        patch.expires_at_ms = *expires_at_ms;
    }
    if (const auto version = flattened(fields.version)) {
        patch.if_version = static_cast<std::uint64_t>(*version);
    }
    if (!patch.target && !patch.status && !patch.max_age_s && !patch.expires_at_ms) {
        return refused("nothing to change: expected one of url, status, max_age, expires_at");
    }
    if (auto good = links::check_patch(patch, rules, now_ms); !good) return good.error();
    return patch;
}

void append_string(std::string& json, std::string_view text) {
    constexpr const char* hex = "0123456789abcdef";
    const auto is_plain = [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
    };
    json += '"';
    for (std::size_t at = 0; at < text.size();) {
        std::size_t plain_end = at;
        while (plain_end < text.size() && is_plain(text[plain_end])) ++plain_end;
        json.append(text.substr(at, plain_end - at));
        at = plain_end;
        if (at == text.size()) break;
        const char c = text[at++];
        json += '\\';
        if (c == '"' || c == '\\') {
            json += c;
        } else {
            json += "u00";
            json += hex[static_cast<unsigned char>(c) >> 4];
            json += hex[static_cast<unsigned char>(c) & 15];
        }
    }
    json += '"';
}

void append_link(std::string& json, const links::Link& link) {
    const auto append_whole = [&json](std::uint64_t number) {
        std::array<char, 20> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        json.append(digits.data(), end);
    };
    const auto append_time = [&json](std::int64_t time_ms) {
        json += '"';
        links::append_time(json, time_ms);
        json += '"';
    };
    json += R"({"code":)";
    append_string(json, link.code);
    json += R"(,"id":")";
    append_whole(link.id);
    json += R"(","url":)";
    append_string(json, link.target);
    json += R"(,"status":)";
    append_whole(link.status);
    json += R"(,"max_age":)";
    if (link.max_age_s) {
        append_whole(*link.max_age_s);
    } else {
        json += "null";
    }
    json += R"(,"expires_at":)";
    if (link.expires_at_ms) {
        append_time(*link.expires_at_ms);
    } else {
        json += "null";
    }
    json += R"(,"version":)";
    append_whole(link.version);
    json += R"(,"created_at":)";
    append_time(link.created_at_ms);
    json += R"(,"updated_at":)";
    append_time(link.updated_at_ms);
    json += '}';
}

}  // namespace qck::api
