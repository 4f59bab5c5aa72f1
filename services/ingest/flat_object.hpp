#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace qck::ingest {

enum class FieldKind : std::uint8_t { string, number, boolean, null, nested };

/// One member of a JSON object. `text` is the content of a string without its quotes and escapes,
/// and else what stands there: a number's digits are the reader's to check, `boolean` and `null`
/// may be misspelt words that begin as they do.
struct Field {
    std::string_view key;
    FieldKind kind = FieldKind::null;
    std::string_view text;
};

/// Bytes that a text must be followed by, whatever they are, to be read by FlatObjectReader.
inline constexpr std::size_t padding_bytes = 64;

/// Where unescaped strings go: views into it stay good until clear().
class StringArena {
public:
    /// Room for what strings of `bytes` bytes of JSON unescape to.
    void clear(std::size_t bytes) {
        text_.clear();
        text_.reserve(bytes);
    }
    std::string_view keep(std::string_view text) {
        const std::size_t begin = text_.size();
        text_ += text;
        return std::string_view(text_).substr(begin);
    }

private:
    std::string text_;
};

/// Takes JSON objects apart, fast (simdjson on demand). Not thread-safe.
class FlatObjectReader {
public:
    /// Objects with more members are refused.
    static constexpr std::size_t fields_max = 32;

    FlatObjectReader();
    ~FlatObjectReader();

    /// The members of the object that is all of `json`, in their order. They live until the next
    /// call, their texts as long as `json` and `arena`. The members of nested values are not looked
    /// at. Errc::corrupt when it is not JSON (UTF-8 included), Errc::invalid_argument when it is no
    /// object. padding_bytes more of memory follow `json`.
    Result<std::span<const Field>> read(std::string_view json, StringArena& arena);

    /// The elements of the array that is all of `json`, as they stand there and unchecked but for
    /// their brackets and quotes. Errors as of read(); Errc::unavailable when there are more than
    /// `elements_max`.
    Result<void> split(std::string_view json, std::size_t elements_max,
                       std::vector<std::string_view>& elements);

private:
    struct Parser;  ///< keeps simdjson.h, which is large, out of this header
    std::unique_ptr<Parser> parser_;
    std::array<Field, fields_max> fields_;
};

}  // namespace qck::ingest
