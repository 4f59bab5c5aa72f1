#include "services/clicks/data_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "base/whole_file.hpp"
#include "services/clicks/checkpoint.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {
namespace {

using Path = std::filesystem::path;

constexpr const char* identity_file = "node.json";
constexpr const char* lock_file = "lock";
constexpr const char* journal_folder = "journal";
constexpr const char* checkpoint_file = "checkpoint";

std::string hex(std::uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
    return text;
}

std::optional<std::uint64_t> from_hex(std::string_view text) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [at, failure] = std::from_chars(text.data(), end, value, 16);
    if (text.size() != 16 || failure != std::errc{} || at != end) return std::nullopt;
    return value;
}

std::uint64_t key_half(const IpKey& key, std::size_t from) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | key[from + i];
    return value;
}

void set_key_half(IpKey& key, std::size_t from, std::uint64_t value) {
    for (std::size_t i = 0; i < 8; ++i) {
        key[from + i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
    }
}

Result<NodeIdentity> read_identity(const Path& file) {
    std::ifstream in(file);
    if (!in) return error(Errc::not_found, "there is no " + file.string());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    try {
        const auto json = nlohmann::json::parse(text);
        const auto node = from_hex(json.at("node").get<std::string>());
        const auto key = json.at("ip_key").get<std::string>();
        const auto first = from_hex(std::string_view(key).substr(0, 16));
        const auto second =
            from_hex(std::string_view(key).substr(std::min<std::size_t>(16, key.size())));
        if (node && *node != 0 && first && second) {
            NodeIdentity identity;
            identity.node = *node;
            identity.epoch = json.at("epoch").get<std::uint32_t>();
            set_key_half(identity.ip_key, 0, *first);
            set_key_half(identity.ip_key, 8, *second);
            return identity;
        }
    } catch (const nlohmann::json::exception&) {
        // Told below, like a field of the wrong form.
    }
    return error(Errc::corrupt, file.string() +
                                    " is damaged; move it away and the identity is taken from the "
                                    "journal (but not ip_key: event ids taken before are new "
                                    "again)");
}

/// Replaces the file so that a crash leaves the old one or the new one, whole and on the disk.
Result<void> write_identity(const Path& directory, const NodeIdentity& identity) {
    const nlohmann::json json{
        {"node", hex(identity.node)},
        {"epoch", identity.epoch},
        {"ip_key", hex(key_half(identity.ip_key, 0)) + hex(key_half(identity.ip_key, 8))}};
    const std::string text = json.dump() + "\n";
    const Path file = directory / identity_file;
    return write_whole_file(file, text, 0600);
}

std::uint64_t random_word() {
    std::uint64_t value = 0;
    while (value == 0) {
        if (::getrandom(&value, sizeof value, 0) < 0 && errno != EINTR) break;
    }
    return value;
}

std::uint32_t latest_epoch(const std::vector<ProducerCursor>& cursors) {
    std::uint32_t latest = 0;
    for (const auto& cursor : cursors) latest = std::max(latest, cursor.at.epoch);
    return latest;
}

using SegmentVisit = std::function<void(const SegmentId&)>;

Result<void> each_segment(const Path& journal, const SegmentVisit& visit) {
    const auto shards = list_shards(journal);
    if (!shards) return shards.error();
    for (const auto shard : *shards) {
        const auto segments = list_segments(journal, shard);
        if (!segments) return segments.error();
        std::for_each(segments->begin(), segments->end(), visit);
    }
    return {};
}

/// The latest epoch that something in the directory was made in: also that of a spare segment, of
/// which nothing but the name was written.
Result<std::uint32_t> latest_epoch_in(const Path& directory) {
    std::uint32_t latest = 0;
    const auto note = [&](const SegmentId& id) { latest = std::max(latest, id.epoch); };
    if (auto listed = each_segment(directory / journal_folder, note); !listed) {
        return listed.error();
    }
    // One that is damaged tells nothing, and counting says so.
    const auto checkpoint = CheckpointReader::head(directory / checkpoint_file);
    if (checkpoint) latest = std::max(latest, latest_epoch(checkpoint->cursors));
    return latest;
}

/// The node that a directory without node.json belongs to; 0 when nothing names it.
Result<std::uint64_t> node_of_files(const Path& directory) {
    const Path journal = directory / journal_folder;
    std::uint64_t node = 0;
    auto listed = each_segment(journal, [&](const SegmentId& id) {
        SegmentHeader header;
        std::ifstream in(id.path(journal), std::ios::binary);
        if (in.read(reinterpret_cast<char*>(&header), sizeof header) && check_header(header, id)) {
            node = header.node;
        }
    });
    if (!listed) return listed.error();
    if (node != 0) return node;
    const auto checkpoint = CheckpointReader::head(directory / checkpoint_file);
    return checkpoint ? checkpoint->node : 0;
}

Result<NodeIdentity> read_or_make_identity(const Path& directory) {
    auto known = read_identity(directory / identity_file);
    if (known || known.error().code != Errc::not_found) return known;
    const auto node = node_of_files(directory);
    if (!node) return node.error();
    NodeIdentity made;
    made.node = *node != 0 ? *node : random_word();
    set_key_half(made.ip_key, 0, random_word());
    set_key_half(made.ip_key, 8, random_word());
    if (*node != 0) {
        log::warn("node_identity_recovered",
                  {{"directory", directory.string()},
                   {"node", hex(made.node)},
                   {"effect",
                    "ip_key is new: an event that is sent again with an event_id taken before is "
                    "counted again, and hashed addresses do not match those of before"}});
    }
    return made;
}

std::string read_all(int fd) {
    char text[256];
    const auto bytes = ::pread(fd, text, sizeof text, 0);
    return bytes > 0 ? std::string(text, static_cast<std::size_t>(bytes)) : std::string();
}

/// The descriptor that holds the lock.
Result<int> take_lock(const Path& directory, const std::string& holder) {
    const Path file = directory / lock_file;
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return io_error("cannot open " + file.string(), errno);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int failure = errno;
        const std::string text = read_all(fd);
        ::close(fd);
        if (failure != EWOULDBLOCK) return io_error("cannot lock " + file.string(), failure);
        const auto space = text.find(' ');
        const std::string by = space == std::string::npos
                                   ? std::string("another process")
                                   : "process " + text.substr(0, space) + " (another " +
                                         text.substr(space + 1, text.find('\n') - space - 1) + ")";
        return error(Errc::unavailable, directory.string() + " is in use by " + by +
                                            "; give this one its own --data-dir");
    }
    const std::string text = std::to_string(::getpid()) + " " + holder + "\n";
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) {
        // The lock holds all the same; only the message for the next one will be poorer.
        log::warn("lock_text_failed", {{"file", file.string()}});
    }
    return fd;
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const Path& path,
                                                           const std::string& holder) {
    std::error_code failure;
    const bool there = std::filesystem::is_directory(path, failure);
    std::filesystem::create_directories(path / journal_folder, failure);
    if (failure) {
        const char* const what =
            there ? "cannot write to data directory " : "cannot make data directory ";
        return io_error(what + path.string(), failure.value());
    }
    auto opened = open_offline(path, holder);
    if (!opened) return opened;
    const auto latest = latest_epoch_in(path);
    if (!latest) return latest.error();
    NodeIdentity& identity = (*opened)->identity_;
    identity.epoch = std::max(identity.epoch, *latest) + 1;
    if (auto written = write_identity(path, identity); !written) return written.error();
    return opened;
}

Result<void> DataDirectory::pass_epochs(const std::vector<ProducerCursor>& cursors) {
    const std::uint32_t latest = latest_epoch(cursors);
    if (latest < identity_.epoch) return {};
    identity_.epoch = latest + 1;
    log::warn("epoch_raised", {{"directory", path_.string()},
                               {"epoch", identity_.epoch},
                               {"why", "counts were taken from later ones than node.json knew"}});
    return write_identity(path_, identity_);
}

Result<void> DataDirectory::pass_epochs_of(ClickStore& store) {
    const auto cursors = store.cursors();
    return cursors ? pass_epochs(cursors->value) : Result<void>();
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open_offline(const Path& path,
                                                                   const std::string& holder) {
    if (!std::filesystem::is_directory(path / journal_folder)) {
        return error(Errc::not_found, path.string() + " is no data directory of qck serve");
    }
    auto lock = take_lock(path, holder);
    if (!lock) return lock.error();
    auto identity = read_or_make_identity(path);
    if (!identity) {
        ::close(*lock);
        return identity.error();
    }
    return std::unique_ptr<DataDirectory>(new DataDirectory(path, *lock, *identity));
}

Result<NodeIdentity> DataDirectory::peek(const Path& path) {
    if (!std::filesystem::is_directory(path / journal_folder)) {
        return error(Errc::not_found, path.string() + " is no data directory of qck serve");
    }
    return read_identity(path / identity_file);
}

DataDirectory::~DataDirectory() { ::close(lock_fd_); }

}  // namespace qck::clicks
