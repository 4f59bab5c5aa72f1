#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "loadgen/scenario/json_document.hpp"

namespace qck::scenario {

/// What was found wrong with a document, in the order found. Not thread-safe.
class Problems {
public:
    explicit Problems(std::string_view file) : file_(file) {}

    /// `FILE:LINE: PATH: WHAT`.
    void add(int line, std::string_view path, std::string_view what);
    /// `FILE:LINE: PATH: expected EXPECTED, got VALUE`.
    void expected(const JsonNode& got, std::string_view path, std::string_view what);

    bool none() const { return count_ == 0; }
    /// All of them, a line each; those past the first 20 are only counted.
    Error to_error() const;
    /// The first alone, in one line that also says how many more there are.
    Error to_one_line() const;

private:
    static constexpr std::size_t shown_max = 20;

    std::string file_;
    std::string lines_;
    std::size_t count_ = 0;
};

/// Takes the fields of one object by name, and at the end refuses those that nobody took.
///
/// The node and the problems outlive it. Not thread-safe.
class FieldReader {
public:
    /// `path` is empty for the document itself. A node that is not an object is a problem, and
    /// reads as one without fields.
    FieldReader(const JsonNode& node, std::string path, Problems& problems);

    /// The field's node, or null when it is absent.
    const JsonNode* optional(std::string_view key);
    /// As optional(); its absence is a problem, and `expected` says what was wanted.
    const JsonNode* required(std::string_view key, std::string_view expected);

    std::string path_of(std::string_view key) const;
    int line() const { return node_->line; }
    Problems& problems() { return *problems_; }

    /// Names every field that was not asked for, with the closest one that was.
    void refuse_others();

private:
    const JsonNode* node_;
    std::string path_;
    Problems* problems_;
    std::vector<std::string_view> known_;
};

}  // namespace qck::scenario
