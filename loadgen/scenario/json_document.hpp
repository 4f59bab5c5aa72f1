#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace qck::scenario {

/// One JSON value and the line on which it ends, so that what is wrong with it can be pointed at.
/// Members keep the order of the file; a key stands once, whatever the file says (see Duplicate).
struct JsonNode {
    enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

    struct Member;
    /// A key that came a second time; its second value is dropped.
    struct Duplicate {
        std::string key;
        int line = 0;
    };

    Kind kind = Kind::null;
    int line = 0;  ///< from 1; of an array or object, the line of its opening bracket
    bool boolean = false;
    double number = 0;
    /// The exact value of a number without fraction or exponent that fits.
    std::optional<std::uint64_t> whole;
    /// Of a string its value; of a number how it was written.
    std::string text;
    std::vector<JsonNode> items;
    std::vector<Member> members;
    std::vector<Duplicate> duplicates;

    bool is(Kind wanted) const { return kind == wanted; }
    /// The member of that key, or null; null also on anything but an object.
    const JsonNode* find(std::string_view key) const;
    /// For a message: `"-5k"`, `-5`, `true`, `an array`, `an object`; long strings are cut.
    std::string shown() const;
};

struct JsonNode::Member {
    std::string key;
    int line = 0;
    JsonNode value;
};

/// What a document may hold before it is refused.
struct JsonLimits {
    std::size_t bytes_max = 1024 * 1024;
    std::size_t depth_max = 32;
    std::size_t members_max = 1000;  ///< of one object
};

/// Parses strict JSON (RFC 8259, UTF-8). `file` is only used in the message of a failure:
/// `FILE:LINE: not valid JSON: …`. No exception leaves. Thread-safe.
Result<JsonNode> parse_json(std::string_view text, std::string_view file, JsonLimits limits = {});

/// `text` as a JSON string with its quotes, cut after about `bytes_max` bytes (never within a
/// character).
std::string json_quoted(std::string_view text, std::size_t bytes_max = 60);

}  // namespace qck::scenario
