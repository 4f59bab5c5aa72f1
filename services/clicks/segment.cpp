#include "services/clicks/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "services/clicks/crc32c.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // since Linux 5.14; an older kernel says EINVAL
#endif

namespace qck::clicks {
namespace {

constexpr std::uint64_t header_magic = 0x31304C4E524A4351;  // "QCJRNL01"
/// 2 has countries in clicks, where 1 has zeros, which say the same: not known.
constexpr std::uint32_t header_version = 2;
constexpr std::uint32_t header_version_oldest = 1;
constexpr std::uint32_t page_bytes = 4096;

std::uint32_t header_crc(SegmentHeader header) {
    header.crc = 0;
    return crc32c(0, &header, sizeof header);
}

/// A whole decimal number, or nothing.
template <class T>
std::optional<T> parse_number(std::string_view text) {
    T value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<SegmentId> parse_file_name(std::uint16_t shard, std::string_view name) {
    constexpr std::string_view suffix = ".seg";
    const auto dash = name.find('-');
    if (!name.ends_with(suffix) || dash == std::string_view::npos) return std::nullopt;
    const auto epoch = parse_number<std::uint32_t>(name.substr(0, dash));
    const auto number =
        parse_number<std::uint32_t>(name.substr(dash + 1, name.size() - suffix.size() - dash - 1));
    if (!epoch || !number) return std::nullopt;
    return SegmentId{shard, *epoch, *number};
}

/// Blocks for all of the file; by writing zeros where the file system cannot allocate.
int allocate(int fd, std::uint32_t bytes) {
    if (::fallocate(fd, 0, 0, bytes) == 0) return 0;
    if (errno != EOPNOTSUPP) return errno;
    return ::posix_fallocate(fd, 0, bytes);
}

/// A file without a name yet, so that nobody finds one that is not allocated (a crash leaves
/// nothing). -1 where the file system has no such files.
int open_nameless(const std::filesystem::path& folder) {
    return ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
}

bool give_name(int fd, const std::filesystem::path& path) {
    const std::string nameless = "/proc/self/fd/" + std::to_string(fd);
    return ::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

/// An allocated file at `path`; -1 and errno when it cannot be made.
int create_allocated(const std::filesystem::path& path, std::uint32_t bytes) {
    int fd = open_nameless(path.parent_path());
    int failure = 0;
    if (fd >= 0) {
        failure = allocate(fd, bytes);
        if (failure == 0 && give_name(fd, path)) return fd;
        ::close(fd);
        if (failure == 0 && errno == EEXIST) return -1;
    }
    if (failure == 0) {  // no nameless files here, or no /proc
        fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (fd < 0) return -1;
        failure = allocate(fd, bytes);
        if (failure == 0) return fd;
        ::close(fd);
        ::unlink(path.c_str());
    }
    errno = failure;
    return -1;
}

}  // namespace

std::string SegmentId::file_name() const {
    char text[40];
    std::snprintf(text, sizeof text, "%06u-%06u.seg", epoch, number);
    return text;
}

std::filesystem::path SegmentId::path(const std::filesystem::path& journal) const {
    return journal / std::to_string(shard) / file_name();
}

Result<std::vector<SegmentId>> list_segments(const std::filesystem::path& journal,
                                             std::uint16_t shard) {
    std::vector<SegmentId> found;
    const auto folder = journal / std::to_string(shard);
    std::error_code failure;
    std::filesystem::directory_iterator at(folder, failure);
    if (failure == std::errc::no_such_file_or_directory) return found;
    for (; !failure && at != std::filesystem::directory_iterator(); at.increment(failure)) {
        if (auto id = parse_file_name(shard, at->path().filename().string())) found.push_back(*id);
    }
    if (failure) return io_error("cannot list " + folder.string(), failure.value());
    std::sort(found.begin(), found.end());
    return found;
}

Result<std::vector<std::uint16_t>> list_shards(const std::filesystem::path& journal) {
    std::vector<std::uint16_t> found;
    std::error_code failure;
    std::filesystem::directory_iterator at(journal, failure);
    if (failure == std::errc::no_such_file_or_directory) return found;
    for (; !failure && at != std::filesystem::directory_iterator(); at.increment(failure)) {
        if (auto shard = parse_number<std::uint16_t>(at->path().filename().string())) {
            found.push_back(*shard);
        }
    }
    if (failure) return io_error("cannot list " + journal.string(), failure.value());
    std::sort(found.begin(), found.end());
    return found;
}

SegmentHeader make_header(std::uint64_t node, const SegmentId& id, std::uint32_t segment_bytes,
                          std::uint64_t base_sequence, std::uint64_t started_ms) {
    SegmentHeader header;
    header.magic = header_magic;
    header.version = header_version;
    header.node = node;
    header.shard = id.shard;
    header.epoch = id.epoch;
    header.number = id.number;
    header.segment_bytes = segment_bytes;
    header.base_sequence = base_sequence;
    header.started_ms = started_ms;
    header.crc = header_crc(header);
    return header;
}

Result<void> check_header(const SegmentHeader& header, const SegmentId& id) {
    if (header.magic != header_magic) {
        return error(Errc::corrupt, "it does not begin as a segment does");
    }
    if (header.crc != header_crc(header)) return error(Errc::corrupt, "its header is damaged");
    if (header.version < header_version_oldest || header.version > header_version) {
        return error(Errc::corrupt, "it is of version " + std::to_string(header.version) +
                                        ", which this qck does not read");
    }
    if (header.shard != id.shard || header.epoch != id.epoch || header.number != id.number) {
        return error(Errc::corrupt, "its header is that of another segment");
    }
    return {};
}

std::uint32_t frame_seed(std::uint64_t node, const SegmentId& id) {
    const std::uint64_t words[] = {node, std::uint64_t{id.epoch} << 32 | id.number, id.shard};
    return crc32c_words(0, words, 3);
}

Result<std::unique_ptr<Segment>> Segment::create(const std::filesystem::path& journal,
                                                 const SegmentId& id, std::uint32_t bytes,
                                                 bool sync_entry) {
    const auto path = id.path(journal);
    const int fd = create_allocated(path, bytes);
    if (fd < 0) {
        const bool full = errno == ENOSPC || errno == EDQUOT;
        auto why = io_error("cannot make journal segment " + path.string(), errno);
        if (full) why.code = Errc::unavailable;
        return why;
    }
    void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const int failure = errno;
    ::close(fd);
    if (data == MAP_FAILED) {
        ::unlink(path.c_str());
        return io_error("cannot map journal segment " + path.string(), failure);
    }
    if (sync_entry) {
        if (auto synced = sync_directory(path.parent_path()); !synced) {
            ::munmap(data, bytes);
            ::unlink(path.c_str());
            return synced.error();
        }
    }
    return std::unique_ptr<Segment>(new Segment(id, static_cast<std::byte*>(data), bytes));
}

Segment::~Segment() { ::munmap(data_, bytes_); }

void Segment::populate(std::uint32_t from, std::uint32_t to) {
    from &= ~(page_bytes - 1);
    to = std::min(bytes_, (to + page_bytes - 1) & ~(page_bytes - 1));
    if (from < to) ::madvise(data_ + from, to - from, MADV_POPULATE_WRITE);
}

void Segment::drop(std::uint32_t from, std::uint32_t to) {
    from &= ~(page_bytes - 1);
    to &= ~(page_bytes - 1);
    if (from < to) ::madvise(data_ + from, to - from, MADV_DONTNEED);
}

Result<void> sync_directory(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int failure = fd < 0 || ::fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) ::close(fd);
    if (failure == 0) return {};
    return io_error("cannot write directory " + directory.string() + " to the disk", failure);
}

}  // namespace qck::clicks
