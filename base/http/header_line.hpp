#pragma once

#include "base/http/field_name.hpp"
#include "base/http/head.hpp"

namespace qck::http {

/// Why a message is refused; false when it is not.
struct Refusal {
    std::uint16_t status = 0;
    const char* reason = "";

    explicit operator bool() const { return status != 0; }
};

/// Takes a header line apart (RFC 9112 section 5). `line` lies in `buffer` and has no control
/// bytes; `value` comes without the white space around it.
Refusal split_header(std::string_view buffer, std::string_view line, std::string_view& name,
                     std::string_view& value);

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
                     std::uint64_t& content_length) const;
    /// RFC 9112 section 9.3.
    bool keep_alive(std::uint8_t version_minor) const {
        return !close_ && (version_minor != 0 || keep_alive_);
    }

private:
    std::uint64_t content_length_ = 0;
    bool has_content_length_ = false;
    bool chunked_ = false;
    bool close_ = false;
    bool keep_alive_ = false;
};

/// Equal but for the case of ASCII letters; `lower` is in lower case.
bool equals_lower(std::string_view text, std::string_view lower);

}  // namespace qck::http
