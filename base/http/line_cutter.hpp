#pragma once

#include <algorithm>
#include <cstring>

#include "base/http/scan.hpp"

namespace qck::http {

/// Cuts the lines of a message head out of a buffer (RFC 9112 section 2.2): each ends with CRLF and
/// has no control byte but HTAB. A cutter lives for one look at the buffer; its progress() lets the
/// next one go on when the buffer has grown, so that no byte is looked at twice.
///
/// Hot, made to be inlined and kept in registers: it finds the control bytes of 64 bytes at once,
/// and then takes line after line out of the bits (as simdjson does with JSON: Langdale and Lemire,
/// "Parsing Gigabytes of JSON per Second", 2019).
class LineCutter {
public:
    enum class Outcome : std::uint8_t {
        line,
        need_more,
        too_long,
        bad_byte,  ///< a control byte, or a CR or LF alone
    };

    /// Offsets, which stay good when the bytes move.
    struct Progress {
        std::size_t position = 0;  ///< the current line begins here
        std::size_t scanned = 0;   ///< it does not end before here
    };

    /// Lines must end within the first `bytes_max` bytes of the buffer.
    LineCutter(std::string_view buffer, std::size_t bytes_max, Progress progress)
        : begin_(buffer.data()),
          end_(begin_ + std::min(buffer.size(), bytes_max)),
          line_(begin_ + progress.position),
          block_(begin_ + progress.scanned),
          block_end_(block_),
          at_limit_(buffer.size() >= bytes_max) {}

    /// The next line, without its CRLF. too_long: it goes beyond the limit, whatever may follow.
    [[gnu::always_inline]] Outcome next(std::string_view& line) {
        for (;;) {
            if (stops_ == 0) [[unlikely]] {
                if (block_end_ >= end_) return outcome_at(end_);
                load_block();
                continue;
            }
            const char* const stop = block_ + std::countr_zero(stops_);
            if (end_ - stop < 2 || std::memcmp(stop, "\r\n", 2) != 0) [[unlikely]] {
                if (*stop != '\t') return outcome_at(stop);
                stops_ &= stops_ - 1;
                continue;
            }
            stops_ &= stops_ - 1;  // the CR
            stops_ &= stops_ - 1;  // the LF, where it is in this block
            line = {line_, static_cast<std::size_t>(stop - line_)};
            line_ = stop + 2;
            return Outcome::line;
        }
    }

    /// For the cutter that goes on, after next() said need_more; else for the position alone.
    Progress progress() const {
        const char* const scanned = stops_ != 0 ? block_ + std::countr_zero(stops_) : block_end_;
        return {position(), std::max(position(), static_cast<std::size_t>(scanned - begin_))};
    }
    std::size_t position() const { return static_cast<std::size_t>(line_ - begin_); }

private:
    void load_block() {
        block_ = std::max(block_end_, line_);
        block_end_ = end_ - block_ > 64 ? block_ + 64 : end_;
        stops_ = control_bits(begin_, block_, block_end_);
    }

    Outcome outcome_at(const char* stop) const {
        if (stop != end_ && (*stop != '\r' || end_ - stop >= 2)) return Outcome::bad_byte;
        return at_limit_ ? Outcome::too_long : Outcome::need_more;
    }

    const char* begin_;
    const char* end_;
    const char* line_;
    const char* block_;
    const char* block_end_;
    std::uint64_t stops_ = 0;  ///< control bytes of the block that are still to be looked at
    bool at_limit_;
};

}  // namespace qck::http
