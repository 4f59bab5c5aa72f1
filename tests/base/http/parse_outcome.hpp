#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/http/request_parser.hpp"
#include "base/http/response_parser.hpp"

namespace qck::http::test {

/// Bytes in a heap block of exactly their size, so that a sanitizer sees any read beyond them.
class ExactBuffer {
public:
    explicit ExactBuffer(std::string_view bytes)
        : bytes_(new char[bytes.size()]), size_(bytes.size()) {
        std::memcpy(bytes_.get(), bytes.data(), size_);
    }
    std::string_view view() const { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

/// All that a parser says of a message, in words that outlive the buffer.
struct Outcome {
    ParseStatus status = ParseStatus::need_more;
    std::string said;

    bool operator==(const Outcome& other) const {
        return status == other.status && said == other.said;
    }
};

inline std::string words_of(std::uint64_t value) { return std::to_string(value) + '|'; }
inline std::string words_of(std::string_view text) { return std::string(text) + '|'; }

inline Outcome outcome_of(const RequestParser& parser, ParseStatus status) {
    Outcome outcome{status, {}};
    const RequestHead& head = parser.head();
    if (status == ParseStatus::failed) {
        outcome.said = words_of(parser.error_status()) + parser.error_reason();
    } else if (status == ParseStatus::complete) {
        outcome.said =
            words_of(parser.head_bytes()) + words_of(static_cast<std::uint64_t>(head.method)) +
            words_of(head.version_minor) + words_of(head.keep_alive) +
            words_of(head.expect_continue) + words_of(static_cast<std::uint64_t>(head.framing)) +
            words_of(head.content_length) + words_of(head.target) + words_of(head.host) +
            words_of(head.user_agent) + words_of(head.referer) + words_of(head.purpose) +
            words_of(head.authorization) + words_of(head.content_type) +
            words_of(head.content_encoding) + words_of(head.accept) + words_of(head.forwarded_for);
    }
    return outcome;
}

inline Outcome outcome_of(const ResponseParser& parser, ParseStatus status) {
    Outcome outcome{status, {}};
    const ResponseHead& head = parser.head();
    if (status == ParseStatus::failed) {
        outcome.said = parser.error_reason();
    } else if (status == ParseStatus::complete) {
        outcome.said = words_of(parser.head_bytes()) + words_of(head.status) +
                       words_of(head.version_minor) + words_of(head.keep_alive) +
                       words_of(static_cast<std::uint64_t>(head.framing)) +
                       words_of(head.content_length) + words_of(head.location) +
                       words_of(head.content_type) + words_of(head.retry_after);
    }
    return outcome;
}

/// What the parser says when it is shown the prefixes of `message` that end at `cuts`, and then all
/// of it, each in another block of memory.
template <class Parser>
Outcome parse_cut(Parser& parser, std::string_view message, const std::vector<std::size_t>& cuts) {
    for (const std::size_t cut : cuts) {
        const ExactBuffer part(message.substr(0, cut));
        const ParseStatus status = parser.parse(part.view());
        if (status != ParseStatus::need_more) return outcome_of(parser, status);
    }
    const ExactBuffer whole(message);
    const ParseStatus status = parser.parse(whole.view());
    return outcome_of(parser, status);
}

}  // namespace qck::http::test
