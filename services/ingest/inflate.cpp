#include "services/ingest/inflate.hpp"

#include <zlib.h>

#include <algorithm>

namespace qck::ingest {
namespace {

constexpr std::size_t step_bytes = 64 * 1024;
constexpr int gzip_window = 15 + 16;  // 32 KB window, gzip wrapper only

/// One zlib stream, ended whatever happens.
class Stream {
public:
    explicit Stream(std::string_view packed) {
        // zlib's API predates const.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
        stream_.avail_in = static_cast<uInt>(packed.size());
        usable_ = inflateInit2(&stream_, gzip_window) == Z_OK;
    }
    ~Stream() {
        if (usable_) inflateEnd(&stream_);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool usable() const { return usable_; }
    bool next_member() { return inflateReset(&stream_) == Z_OK; }
    std::size_t packed_bytes_left() const { return stream_.avail_in; }

    /// Unpacks into at most `room` bytes; how many were written, in `written`.
    int step(char* to, std::size_t room, std::size_t& written) {
        stream_.next_out = reinterpret_cast<Bytef*>(to);
        stream_.avail_out = static_cast<uInt>(room);
        const int outcome = ::inflate(&stream_, Z_NO_FLUSH);
        written = room - stream_.avail_out;
        return outcome;
    }

private:
    z_stream stream_{};
    bool usable_ = false;
};

Error damaged(const char* what) {
    return error(Errc::invalid_argument, std::string("the gzip body is ") + what);
}

}  // namespace

Result<void> inflate_gzip(std::string_view packed, std::size_t content_bytes_max,
                          std::string& out) {
    Stream stream(packed);
    if (!stream.usable()) return error(Errc::unavailable, "no memory to unpack a gzip body");
    const std::size_t begin = out.size();
    for (;;) {
        const std::size_t used = out.size() - begin;
        // One byte more than allowed tells "exactly full" from "too much".
        const std::size_t room = std::min(step_bytes, content_bytes_max + 1 - used);
        out.resize(begin + used + room);
        std::size_t written = 0;
        const int outcome = stream.step(out.data() + begin + used, room, written);
        out.resize(begin + used + written);
        if (used + written > content_bytes_max) {
            return error(Errc::unavailable, "the gzip body unpacks to more than " +
                                                std::to_string(content_bytes_max) + " bytes");
        }
        if (outcome == Z_STREAM_END) {
            if (stream.packed_bytes_left() == 0) return {};
            if (!stream.next_member()) return damaged("damaged");
        } else if (outcome == Z_BUF_ERROR || (outcome == Z_OK && written == 0)) {
            return damaged("cut short");
        } else if (outcome != Z_OK) {
            return damaged("not gzip, or damaged");
        }
    }
}

}  // namespace qck::ingest
