// What a ShardReader does where a segment is not as it should be, or ends.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "services/clicks/frame.hpp"
#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {
namespace {

/// How many zero bytes `bytes` begins with; a spare segment is 64 MB of them.
std::size_t zeros_at_front(std::span<const std::byte> bytes) {
    std::size_t at = 0;
    for (std::uint64_t words[8]; at + sizeof words <= bytes.size(); at += sizeof words) {
        std::memcpy(words, bytes.data() + at, sizeof words);
        std::uint64_t any = 0;
        for (const std::uint64_t word : words) any |= word;
        if (any != 0) break;
    }
    while (at < bytes.size() && bytes[at] == std::byte{0}) ++at;
    return at;
}

}  // namespace

/// Offset of the first whole frame from `from` on, which fits into the numbering; `end` when there
/// is none.
Result<std::uint32_t> ShardReader::find_frame(std::uint32_t from, std::uint32_t end,
                                              ReadBuffer& buffer, std::uint32_t& index) const {
    for (std::uint32_t at = from; at < end;) {
        const auto got = fill(at, end, buffer);
        if (!got) return got.error();
        const std::size_t filled = *got;
        const auto bytes = buffer.bytes().first(filled);
        std::size_t offset = 0;
        for (; offset + frame_align <= filled; offset += frame_align) {
            const Frame frame{bytes.data() + offset};
            if (!plausible_frame(frame.word(0))) continue;
            if (offset + frame.bytes() > filled) {
                if (at + filled < end) break;  // look again with all of it in the buffer
                continue;
            }
            if (!intact_frame(frame, seed_)) continue;
            const auto place = at + static_cast<std::uint32_t>(offset);
            index = frame.index();
            // Records take 48 bytes, so the gap bounds how many were lost.
            const std::uint32_t most = index_ + (place - at_.offset) / click_bytes + 1;
            const bool unknown = frame.type() == FrameType::end && index == end_index_unknown;
            if (unknown || !index_known_ || (index >= index_ && index <= most)) return place;
        }
        at += static_cast<std::uint32_t>(std::max<std::size_t>(offset, frame_align));
    }
    return end;
}

/// Goes to the first whole frame after at_, or to `end`.
Result<void> ShardReader::resynchronise(std::uint32_t end, ReadBuffer& buffer, RecordSink& sink,
                                        const char* what) {
    Damage damage{id_, at_.offset, end, 0, what};
    std::uint32_t index = end_index_unknown;
    const auto found = find_frame(at_.offset + frame_align, end, buffer, index);
    if (!found) return found.error();
    damage.to = *found;
    if (damage.to < end && index != end_index_unknown) {
        if (index_known_) damage.records_lost = index - index_;
        index_ = index;
        index_known_ = true;
    }
    at_.offset = damage.to;
    sink.damage(damage);
    return {};
}

/// Nothing follows at_ but, at most, the words of a frame before its first: nobody was told that it
/// was written.
Result<bool> ShardReader::ends_here(std::uint32_t end, ReadBuffer& buffer) const {
    const auto torn_end =
        static_cast<std::uint32_t>(std::min<std::size_t>(end, at_.offset + frame_bytes_max));
    const auto after = next_data(torn_end, end, buffer);
    if (!after) return after.error();
    if (*after < end) return false;
    const auto torn = next_data(at_.offset, torn_end, buffer);
    if (!torn) return torn.error();
    if (*torn >= torn_end) return true;
    std::uint32_t ignored = 0;
    const auto whole = find_frame(at_.offset + frame_align, torn_end, buffer, ignored);
    if (!whole) return whole.error();
    return *whole >= torn_end;
}

/// At a first word of zero: the end, an append that was killed before its commit, or a hole.
Result<void> ShardReader::read_blank(std::uint32_t end, bool complete, ReadBuffer& buffer,
                                     RecordSink& sink) {
    const Result<bool> ends = complete ? ends_here(end, buffer) : Result<bool>(false);
    if (!ends) return ends.error();
    if (!*ends) return resynchronise(end, buffer, sink, "records are missing in its middle");
    finished_ = true;
    // Cut exactly between two frames: only the missing length tells.
    if (file_bytes_ < segment_bytes_) sink.damage({id_, at_.offset, end, 0, "it is cut"});
    return {};
}

/// Offset of the first 16 bytes from `from` on that are not zero; `end` when there are none.
Result<std::uint32_t> ShardReader::next_data(std::uint32_t from, std::uint32_t end,
                                             ReadBuffer& buffer) const {
    for (std::uint32_t at = from; at < end;) {
        // Blocks that were never written need not be read.
        const off_t data = ::lseek(fd_, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return end;
        if (data > static_cast<off_t>(at)) {
            at = static_cast<std::uint32_t>(std::min<off_t>(data, end)) & ~15U;
            at = std::max(at, from);
            if (at >= end) return end;
        }
        const auto got = fill(at, end, buffer);
        if (!got) return got.error();
        const std::size_t filled = *got;
        const auto bytes = buffer.bytes().first(filled);
        const auto offset = static_cast<std::uint32_t>(zeros_at_front(bytes));
        if (offset < filled) return at + (offset & ~15U);
        at += static_cast<std::uint32_t>(filled);
    }
    return end;
}

/// Gives back the disk that the segment does not need; its records stay as they are.
void ShardReader::seal() {
    const auto path = id_.path(options_.journal);
    if (!begun_) {
        ::unlink(path.c_str());
        return;
    }
    if (!finished_) return;  // damaged up to its end: left as it is
    if (ended_ && file_bytes_ == at_.offset) return;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    std::uint32_t used = at_.offset;
    if (!ended_ && used + end_bytes <= file_bytes_) {
        std::uint64_t words[end_bytes / 8] = {};
        write_end(words, seed_, index_known_ ? index_ : end_index_unknown, end_index_unknown);
        if (::pwrite(fd, words, sizeof words, used) != static_cast<ssize_t>(sizeof words)) used = 0;
        used = used == 0 ? 0 : used + static_cast<std::uint32_t>(end_bytes);
    }
    // On failure the segment only stays longer than it needs to be.
    if (used != 0) [[maybe_unused]]
        const int cut = ::ftruncate(fd, used);
    ::close(fd);
}

}  // namespace qck::clicks
