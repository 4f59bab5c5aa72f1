#pragma once

#include "base/http/field_name.hpp"
#include "base/http/head.hpp"
#include "base/http/scan.hpp"

namespace qck::http {

/// Why a message is refused; false when it is not.
struct Refusal {
    std::uint16_t status = 0;
    const char* reason = "";

    explicit operator bool() const { return status != 0; }
};

/// Why the line, whose first `name_bytes` bytes may stand in a name, is not `name:value`.
Refusal refuse_header_line(std::string_view line, std::size_t name_bytes);

inline bool is_blank(char byte) { return byte == ' ' || byte == '\t'; }

/// `text` without the white space around it.
inline std::string_view trimmed(std::string_view text) {
    const char* first = text.data();
    const char* last = first + text.size();
    while (first != last && is_blank(*first)) ++first;
    while (first != last && is_blank(last[-1])) --last;
    return {first, static_cast<std::size_t>(last - first)};
}

/// Takes a header line apart (RFC 9112 section 5). `line` lies in `buffer`, has no control bytes
/// and is followed by its CR; `value` still has the white space around it, since the values of most
/// fields are not asked for.
[[gnu::always_inline]] inline Refusal split_header(std::string_view buffer, std::string_view line,
                                                   std::string_view& name,
                                                   std::string_view& value) {
    // The CR stops the scan, so it may run to the end of the buffer, which needs no short last
    // step.
    const char* const name_end =
        find_token_end(buffer.data(), line.data(), buffer.data() + buffer.size());
    const auto name_bytes = static_cast<std::size_t>(name_end - line.data());
    if (name_bytes == 0 || *name_end != ':') [[unlikely]]
        return refuse_header_line(line, name_bytes);
    name = {line.data(), name_bytes};
    value = {name_end + 1, line.size() - name_bytes - 1};
    return {};
}

/// The fields that decide where a message ends and whether the connection stays (RFC 9112 sections
/// 6 and 9). The caller refuses fields that came twice.
class MessageFraming {
public:
    /// `value` is that of Content-Length, Transfer-Encoding or Connection.
    Refusal take_content_length(std::string_view value);
    Refusal take_transfer_encoding(std::string_view value);
    void take_connection(std::string_view value);

    /// Decides, when all headers have been taken: `none` when neither length was said.
    Refusal conclude(std::uint8_t version_minor, Framing& framing,
                     std::uint64_t& content_length) const {
        framing = has_content_length_ ? Framing::content_length : Framing::none;
        content_length = content_length_;
        return chunked_ ? conclude_chunked(version_minor, framing) : Refusal{};
    }
    /// RFC 9112 section 9.3.
    bool keep_alive(std::uint8_t version_minor) const {
        return !close_ && (version_minor != 0 || keep_alive_);
    }

private:
    Refusal conclude_chunked(std::uint8_t version_minor, Framing& framing) const;

    std::uint64_t content_length_ = 0;
    bool has_content_length_ = false;
    bool chunked_ = false;
    bool close_ = false;
    bool keep_alive_ = false;
};

}  // namespace qck::http
