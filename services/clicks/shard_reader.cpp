#include "services/clicks/shard_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "services/clicks/frame.hpp"

namespace qck::clicks {
ShardReader::ShardReader(Options options, const Cursor& from)
    : options_(std::move(options)), at_(from) {}

ShardReader::~ShardReader() { close(); }

ShardReader::ShardReader(ShardReader&& other) noexcept
    : options_(std::move(other.options_)),
      at_(other.at_),
      fd_(std::exchange(other.fd_, -1)),
      id_(other.id_),
      seed_(other.seed_),
      file_bytes_(other.file_bytes_),
      segment_bytes_(other.segment_bytes_),
      begun_(other.begun_),
      ended_(other.ended_),
      finished_(other.finished_),
      index_known_(other.index_known_),
      index_(other.index_),
      base_sequence_(other.base_sequence_),
      sequence_known_(other.sequence_known_) {}

void ShardReader::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

Result<bool> ShardReader::read(const Cursor& limit, std::size_t bytes_max, ReadBuffer& buffer,
                               RecordSink& sink) {
    const std::uint64_t budget = bytes_max;
    for (std::uint64_t taken = 0; at_ < limit;) {
        if (fd_ < 0) {
            const auto found = next_segment(limit);
            if (!found) return found.error();
            if (!*found) return true;
            const auto opened = open(limit, sink);
            if (!opened) return opened.error();
            if (!*opened) continue;
        }
        const bool complete =
            id_.epoch < limit.epoch || (id_.epoch == limit.epoch && id_.number < limit.segment);
        const std::uint32_t end = complete ? file_bytes_ : std::min(file_bytes_, limit.offset);
        const std::uint32_t before = at_.offset;
        if (auto done = read_open(end, complete, budget - taken, buffer, sink); !done) {
            return done.error();
        }
        taken += at_.offset - before;
        if (complete && (finished_ || at_.offset >= end)) {
            if (options_.seal && id_.epoch < limit.epoch) seal();
            close();
            // Past this segment; the next one is looked for when there is something to read.
            at_ = Cursor{id_.epoch, id_.number + 1, 0};
        } else if (at_.offset >= end) {
            return true;
        }
        if (taken >= budget) return !(at_ < limit);
    }
    return true;
}

/// Moves at_ to the first segment on disk at or after it and before the limit.
Result<bool> ShardReader::next_segment(const Cursor& limit) {
    const auto segments = list_segments(options_.journal, options_.shard);
    if (!segments) return segments.error();
    for (const SegmentId& id : *segments) {
        if (id.epoch < at_.epoch || (id.epoch == at_.epoch && id.number < at_.segment)) continue;
        if (!(Cursor{id.epoch, id.number, 0} < limit)) break;
        if (id.epoch != at_.epoch || id.number != at_.segment) {
            sequence_known_ = sequence_known_ && id.epoch == at_.epoch;
            at_ = Cursor{id.epoch, id.number, 0};
        }
        id_ = id;
        return true;
    }
    return false;
}

/// False: the segment has gone since it was listed, at_ is behind it. Any other failure leaves at_
/// where it is: what cannot be opened now (no descriptors are left) has its clicks all the same.
Result<bool> ShardReader::open(const Cursor& limit, RecordSink& sink) {
    const auto path = id_.path(options_.journal);
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0 && errno == ENOENT) {
        sink.damage({id_, at_.offset, at_.offset, 0, io_error("cannot read it", errno).message});
        at_ = Cursor{id_.epoch, id_.number + 1, 0};
        return false;
    }
    struct stat about {};
    SegmentHeader header;
    const bool opened = fd_ >= 0 && ::fstat(fd_, &about) == 0;
    const auto got = opened ? options_.read_file(fd_, &header, sizeof header, 0) : -1;
    if (got < 0) {
        auto why = unreadable(errno);
        close();
        return why;
    }
    file_bytes_ = static_cast<std::uint32_t>(
        std::min<off_t>(about.st_size, static_cast<off_t>(segment_bytes_max)));
    const bool whole = got == static_cast<ssize_t>(sizeof header);
    if (auto begun = begin_segment(whole ? &header : nullptr, sink); !begun) {
        close();
        return begun.error();
    }
    const bool fresh = at_.offset < segment_header_bytes;
    at_.offset = std::max<std::uint32_t>(at_.offset, segment_header_bytes);
    index_ = 0;
    index_known_ = fresh;
    if (id_.epoch == limit.epoch && id_.number == limit.segment) return true;
    finished_ = !begun_;  // a spare, or torn at its very beginning: no record was ever in it
    return true;
}

/// Takes in the header of the open segment; null: it is too short for one.
Result<void> ShardReader::begin_segment(const SegmentHeader* header, RecordSink& sink) {
    seed_ = frame_seed(options_.node, id_);
    segment_bytes_ = 0;
    begun_ = ended_ = finished_ = false;
    const auto from = static_cast<std::uint32_t>(segment_header_bytes);
    if (header == nullptr) {
        sequence_known_ = false;
        sink.damage({id_, 0, file_bytes_, 0, "it is cut before its first record"});
        return {};
    }
    const auto checked = check_header(*header, id_);
    if (!checked) {
        ReadBuffer small;
        const auto records = next_data(from, file_bytes_, small);
        if (!records) return records.error();
        begun_ = *records < file_bytes_;
        sequence_known_ = false;
        if (begun_) sink.damage({id_, 0, from, 0, checked.error().message});
        return {};
    }
    begun_ = true;
    segment_bytes_ = header->segment_bytes;
    seed_ = frame_seed(header->node, id_);
    const std::uint64_t expected = base_sequence_ + index_;
    if (sequence_known_ && index_known_ && header->base_sequence > expected) {
        sink.damage({id_, 0, 0, header->base_sequence - expected,
                     "records between it and the segment before are missing"});
    }
    base_sequence_ = header->base_sequence;
    sequence_known_ = true;
    return {};
}

Error ShardReader::unreadable(int failure) const {
    return io_error("cannot read journal segment " + id_.path(options_.journal).string(), failure);
}

/// What the disk does not give back is an error, and not the end of anything: it may be whole.
Result<std::size_t> ShardReader::fill(std::uint32_t from, std::uint32_t end,
                                      ReadBuffer& buffer) const {
    const auto room = buffer.bytes();
    const std::size_t wanted = std::min<std::size_t>(room.size(), end - from);
    std::size_t got = 0;
    while (got < wanted) {
        const auto more = options_.read_file(fd_, room.data() + got, wanted - got,
                                             static_cast<off_t>(from + got));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0 && got == 0) return unreadable(errno);
        if (more < 0) break;  // what came before it is good
        if (more == 0) {
            // Cut since it was opened: as zeros, which is damage if records are to follow.
            std::memset(room.data() + got, 0, wanted - got);
            return wanted;
        }
        got += static_cast<std::size_t>(more);
    }
    return got;
}

bool ShardReader::check_index(const std::byte* at) {
    const Frame frame{at};
    const std::uint32_t index = frame.index();
    if (frame.type() == FrameType::end && index == end_index_unknown) return true;
    if (!index_known_) {
        index_ = index;
        index_known_ = true;
    }
    if (index != index_) return false;
    if (frame.is_record()) ++index_;
    return true;
}

ShardReader::Run ShardReader::check_run(std::span<const std::byte> bytes) {
    Run run;
    while (run.bytes + frame_align <= bytes.size()) {
        const Frame frame{bytes.data() + run.bytes};
        const std::uint64_t word = frame.word(0);
        if (word == 0) {
            run.stop = Stop::blank;
            return run;
        }
        if (!plausible_frame(word)) {
            run.stop = Stop::damaged;
            return run;
        }
        if (run.bytes + frame.bytes() > bytes.size()) break;
        if (!intact_frame(frame, seed_) || !check_index(frame.at)) {
            run.stop = Stop::damaged;
            return run;
        }
        run.bytes += frame.bytes();
        if (frame.type() == FrameType::end) {
            run.stop = Stop::end;
            return run;
        }
    }
    return run;
}

/// Reads the open segment up to `end`; `complete` when no more is written to it.
Result<void> ShardReader::read_open(std::uint32_t end, bool complete, std::size_t bytes_max,
                                    ReadBuffer& buffer, RecordSink& sink) {
    const std::uint32_t begin = at_.offset;
    while (!finished_ && at_.offset < end && at_.offset - begin < bytes_max) {
        const auto filled = fill(at_.offset, end, buffer);
        if (!filled) return filled.error();
        const auto bytes = buffer.bytes().first(*filled);
        const Run run = check_run(bytes);
        if (run.bytes > 0) {
            sink.frames(id_, bytes.first(run.bytes));
            at_.offset += static_cast<std::uint32_t>(run.bytes);
        }
        Result<void> went_on;
        if (run.stop == Stop::end) {
            ended_ = finished_ = true;
        } else if (run.stop == Stop::damaged) {
            went_on = resynchronise(end, buffer, sink, "its checksum or numbering is wrong");
        } else if (run.stop == Stop::blank) {
            went_on = read_blank(end, complete, buffer, sink);
        } else if (run.bytes == 0) {
            went_on = resynchronise(end, buffer, sink, "it is cut");
        }
        if (!went_on) return went_on;
    }
    if (complete && !finished_ && at_.offset >= end && end < segment_bytes_) {
        finished_ = true;
        if (!ended_) sink.damage({id_, end, end, 0, "it is cut"});
    }
    return {};
}

}  // namespace qck::clicks
