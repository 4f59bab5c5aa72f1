#pragma once

#include "base/http/scan.hpp"

namespace qck::http {

/// Cuts the lines of a message head out of a buffer that grows (RFC 9112 section 2.2): each ends
/// with CRLF and has no control byte but HTAB. Keeps offsets only, and looks at no byte twice,
/// however often it is asked.
class LineCutter {
public:
    enum class Outcome : std::uint8_t {
        line,
        need_more,
        too_long,
        bad_byte,  ///< a control byte, or a CR or LF alone
    };

    /// The line at position(), without its CRLF. `buffer` is the same as before or longer.
    /// too_long: the line does not end within the first `bytes_max` bytes of the buffer, and never
    /// will.
    Outcome next(std::string_view buffer, std::size_t bytes_max, std::string_view& line) {
        const char* const begin = buffer.data();
        const std::size_t visible = buffer.size() < bytes_max ? buffer.size() : bytes_max;
        const char* const end = begin + visible;
        const char* const stop = find_control(begin, begin + scanned_, end);
        scanned_ = static_cast<std::size_t>(stop - begin);
        if (end - stop < 2) {
            if (stop != end && *stop != '\r') return Outcome::bad_byte;
            return visible == bytes_max ? Outcome::too_long : Outcome::need_more;
        }
        if (stop[0] != '\r' || stop[1] != '\n') return Outcome::bad_byte;
        line = buffer.substr(position_, scanned_ - position_);
        scanned_ += 2;
        position_ = scanned_;
        return Outcome::line;
    }

    /// Where the next line begins.
    std::size_t position() const { return position_; }

private:
    std::size_t position_ = 0;
    std::size_t scanned_ = 0;  ///< no line ends between position_ and here
};

}  // namespace qck::http
