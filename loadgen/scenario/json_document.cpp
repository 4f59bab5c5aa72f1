#include "loadgen/scenario/json_document.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>

namespace qck::scenario {
namespace {

/// Feeds the parser and tells how far it has read; copies share one position.
class CountedInput {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountedInput(const char* at, const char** position) : at_(at), position_(position) {}
    reference operator*() const { return *at_; }
    CountedInput& operator++() {
        ++at_;
        *position_ = at_;
        return *this;
    }
    CountedInput operator++(int) {
        CountedInput before = *this;
        ++*this;
        return before;
    }
    bool operator==(const CountedInput& other) const { return at_ == other.at_; }
    bool operator!=(const CountedInput& other) const { return at_ != other.at_; }

private:
    const char* at_;
    const char** position_;
};

/// Builds the tree from the parser's events, noting the line of each.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
public:
    TreeBuilder(std::string_view text, const char* const* position, JsonLimits limits)
        : counted_to_(text.data()), position_(position), limits_(limits) {}

    bool null() override { return put({}); }
    bool boolean(bool value) override {
        JsonNode node;
        node.kind = JsonNode::Kind::boolean;
        node.boolean = value;
        return put(std::move(node));
    }
    bool number_integer(number_integer_t value) override {
        return put_number(static_cast<double>(value), std::nullopt, std::to_string(value));
    }
    bool number_unsigned(number_unsigned_t value) override {
        return put_number(static_cast<double>(value), value, std::to_string(value));
    }
    bool number_float(number_float_t value, const string_t& written) override {
        return put_number(value, std::nullopt, written);
    }
    bool string(string_t& value) override {
        JsonNode node;
        node.kind = JsonNode::Kind::string;
        node.text = std::move(value);
        return put(std::move(node));
    }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open(JsonNode::Kind::object); }
    bool start_array(std::size_t) override { return open(JsonNode::Kind::array); }
    bool key(string_t& name) override {
        keys_.back() = {name, line()};
        return true;
    }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::json::exception& failure) override {
        if (failure_.empty()) failure_ = failure.what();
        return false;
    }

    JsonNode take() { return std::move(root_); }
    const std::string& failure() const { return failure_; }

    /// Line of the last byte that was read as part of a token. A number is only known to have
    /// ended by reading one byte more, which may be a line break, so that byte is left out.
    int line() {
        const char* const until = *position_ - (*position_ == counted_to_ ? 0 : 1);
        if (until > counted_to_) {
            line_ += static_cast<int>(std::count(counted_to_, until, '\n'));
            counted_to_ = until;
        }
        return line_;
    }

private:
    struct Key {
        std::string name;
        int line = 0;
    };

    bool put_number(double value, std::optional<std::uint64_t> whole, std::string written) {
        JsonNode node;
        node.kind = JsonNode::Kind::number;
        node.number = value;
        node.whole = whole;
        if (!whole && value >= 0 && value < 0x1p53 &&
            value == static_cast<double>(static_cast<std::uint64_t>(value))) {
            node.whole =
                static_cast<std::uint64_t>(value);  // 1.0 and 1e3 are whole, as in JSON Schema
        }
        node.text = std::move(written);
        return put(std::move(node));
    }

    bool put(JsonNode node) {
        node.line = line();
        return put_at_its_line(std::move(node));
    }

    bool put_at_its_line(JsonNode node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return true;
        }
        JsonNode& parent = open_.back();
        if (parent.is(JsonNode::Kind::array)) {
            parent.items.push_back(std::move(node));
            return true;
        }
        Key& name = keys_.back();
        if (parent.find(name.name) != nullptr) {
            parent.duplicates.push_back({name.name, name.line});
        } else {
            parent.members.push_back({std::move(name.name), name.line, std::move(node)});
        }
        if (parent.members.size() + parent.duplicates.size() <= limits_.members_max) return true;
        failure_ = "more than " + std::to_string(limits_.members_max) + " fields in one object";
        return false;
    }

    bool open(JsonNode::Kind kind) {
        if (open_.size() >= limits_.depth_max) {
            failure_ = "nested deeper than " + std::to_string(limits_.depth_max) + " levels";
            return false;
        }
        JsonNode node;
        node.kind = kind;
        node.line = line();
        open_.push_back(std::move(node));
        keys_.emplace_back();
        return true;
    }

    bool close() {
        JsonNode node = std::move(open_.back());
        open_.pop_back();
        keys_.pop_back();
        return put_at_its_line(std::move(node));
    }

    const char* counted_to_;
    const char* const* position_;
    JsonLimits limits_;
    int line_ = 1;
    JsonNode root_;
    std::vector<JsonNode> open_;
    std::vector<Key> keys_;
    std::string failure_;
};

/// The part of the library's message that says what is wrong: its own numbering of lines and its
/// exception ids are left out, and nothing but one printable line is kept.
std::string without_preamble(const std::string& what) {
    std::string text = what;
    for (const std::string_view mark : {"] ", "parse error", ": ", "syntax error while "}) {
        const auto at = text.find(mark);
        if (at == std::string::npos) continue;
        text.erase(0, at + mark.size());
    }
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return text;
}

Error wrong_json(std::string_view file, int line, const std::string& what) {
    return error(Errc::invalid_argument,
                 std::string(file) + ":" + std::to_string(line) + ": not valid JSON: " + what);
}

}  // namespace

const JsonNode* JsonNode::find(std::string_view key) const {
    const auto at = std::find_if(members.begin(), members.end(),
                                 [key](const Member& member) { return member.key == key; });
    return at == members.end() ? nullptr : &at->value;
}

std::string JsonNode::shown() const {
    switch (kind) {
        case Kind::null:
            return "null";
        case Kind::boolean:
            return boolean ? "true" : "false";
        case Kind::number:
            return text;
        case Kind::string:
            return json_quoted(text);
        case Kind::array:
            return "an array";
        case Kind::object:
            return "an object";
    }
    return {};
}

std::string json_quoted(std::string_view text, std::size_t bytes_max) {
    std::string shown = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (shown.size() > bytes_max && (byte & 0xc0U) != 0x80U) {
            shown += "…";
            break;
        }
        if (c == '"' || c == '\\') {
            shown += '\\';
            shown += c;
        } else if (c == '\n') {
            shown += "\\n";
        } else if (c == '\r') {
            shown += "\\r";
        } else if (c == '\t') {
            shown += "\\t";
        } else if (byte < 0x20 || byte == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", byte);
            shown += escape;
        } else {
            shown += c;
        }
    }
    shown += '"';
    return shown;
}

Result<JsonNode> parse_json(std::string_view text, std::string_view file, JsonLimits limits) {
    if (text.size() > limits.bytes_max) {
        return error(Errc::invalid_argument, std::string(file) + ": larger than " +
                                                 std::to_string(limits.bytes_max) +
                                                 " bytes, too large to be read");
    }
    const char* position = text.data();
    TreeBuilder builder(text, &position, limits);
    try {
        const CountedInput first(text.data(), &position);
        const CountedInput last(text.data() + text.size(), &position);
        if (nlohmann::json::sax_parse(first, last, &builder)) return builder.take();
    } catch (const nlohmann::json::exception& failure) {
        return wrong_json(file, builder.line(), without_preamble(failure.what()));
    }
    return wrong_json(file, builder.line(), without_preamble(builder.failure()));
}

}  // namespace qck::scenario
