#include "loadgen/fleet/protocol/frame.hpp"

namespace qck::fleet {
namespace {

constexpr std::size_t head_bytes = 4;

}  // namespace

std::string framed(std::string_view payload) {
    std::string frame;
    frame.reserve(head_bytes + payload.size());
    for (unsigned shift = 32; shift > 0;) {
        shift -= 8;
        frame += static_cast<char>(payload.size() >> shift & 0xff);
    }
    return frame += payload;
}

Result<std::optional<std::string>> FrameReader::next() {
    if (buffer_.size() < head_bytes) return std::optional<std::string>();
    std::size_t length = 0;
    for (std::size_t at = 0; at < head_bytes; ++at) {
        length = length << 8 | static_cast<unsigned char>(buffer_[at]);
    }
    if (length > bytes_max_) {
        return error(Errc::invalid_argument,
                     "what came is no frame of qck's fleet protocol (it says that " +
                         std::to_string(length) + " bytes follow, at most " +
                         std::to_string(bytes_max_) + " were expected)");
    }
    if (buffer_.size() < head_bytes + length) return std::optional<std::string>();
    std::optional<std::string> payload(buffer_.substr(head_bytes, length));
    buffer_.erase(0, head_bytes + length);
    return payload;
}

}  // namespace qck::fleet
