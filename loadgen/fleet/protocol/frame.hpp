#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::fleet {

/// Of a peer that has not proven yet that it knows the token: room for a greeting, and no more.
inline constexpr std::size_t greeting_bytes_max = 4 * 1024;
/// Of a peer that has. A plan with a hundred bodies of 64 KB, or a piece of a gain, fits.
inline constexpr std::size_t frame_bytes_max = 16 * 1024 * 1024;

/// `payload` with its length in front (four bytes, most significant first), ready to be sent.
std::string framed(std::string_view payload);

/// Cuts a stream of bytes into frames. Holds at most one frame and what was fed with it. Not
/// thread-safe.
class FrameReader {
public:
    void feed(std::string_view bytes) { buffer_ += bytes; }
    void set_limit(std::size_t bytes_max) { bytes_max_ = bytes_max; }

    /// The next whole frame's payload; nothing when more bytes are needed. Fails with
    /// Errc::invalid_argument on a frame that is longer than the limit, which is how peers that
    /// speak something else are told.
    Result<std::optional<std::string>> next();

private:
    std::string buffer_;
    std::size_t bytes_max_ = greeting_bytes_max;
};

}  // namespace qck::fleet
