#include "services/stores/maxmind/place_file.hpp"

#include <fcntl.h>
#include <maxminddb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/net/fd.hpp"
#include "services/clicks/country_code.hpp"

namespace qck::maxmind {
namespace {

constexpr off_t file_bytes_max = off_t{1} << 30;

Error refused(const std::string& what) { return error(Errc::invalid_argument, what); }

/// The file's content in memory that belongs to this process alone.
Result<net::Fd> copy_of(const std::string& name) {
    const auto unreadable = [&] { return refused(io_error("cannot read " + name, errno).message); };
    const net::Fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return unreadable();
    if (!S_ISREG(status.st_mode)) return refused(name + " is not a file");
    if (status.st_size > file_bytes_max) return refused(name + " is larger than 1GB");
    net::Fd copy(::memfd_create("qck-places", MFD_CLOEXEC));
    if (!copy) return io_error("cannot make room for " + name, errno);
    std::vector<char> block(std::size_t{1} << 20);
    while (true) {
        const ssize_t got = ::read(file.get(), block.data(), block.size());
        if (got < 0) return unreadable();
        if (got == 0) return copy;
        for (ssize_t at = 0; at < got;) {
            const ssize_t put =
                ::write(copy.get(), block.data() + at, static_cast<std::size_t>(got - at));
            if (put < 0) return io_error("cannot make room for " + name, errno);
            at += put;
        }
    }
}

/// The string at a path; nothing when there is none. `status` becomes an error of the library when
/// the bytes make no sense.
std::optional<std::string_view> text_at(const MMDB_entry_s& entry,
                                        std::initializer_list<const char*> path, int& status) {
    std::array<const char*, 5> names{};
    std::copy(path.begin(), path.end(), names.begin());
    MMDB_entry_s start = entry;
    MMDB_entry_data_s data;
    const int got = MMDB_aget_value(&start, &data, names.data());
    if (got == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) return std::nullopt;
    if (got != MMDB_SUCCESS) {
        status = got;
        return std::nullopt;
    }
    if (!data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING) return std::nullopt;
    return std::string_view(data.utf8_string, data.data_size);
}

/// Whether anything is known there.
bool read_place(const MMDB_entry_s& entry, clicks::Place& place, int& status) {
    clicks::Place read;
    read.country = clicks::country_name(
        clicks::country_code(text_at(entry, {"country", "iso_code"}, status).value_or("")));
    read.region = text_at(entry, {"subdivisions", "0", "iso_code"}, status).value_or("");
    read.city = text_at(entry, {"city", "names", "en"}, status).value_or("");
    if (status != MMDB_SUCCESS || read == clicks::Place{}) return false;
    place = std::move(read);
    return true;
}

std::optional<MMDB_entry_s> entry_of(const MMDB_s& file, const sockaddr* address) {
    int status = MMDB_SUCCESS;
    const MMDB_lookup_result_s result = MMDB_lookup_sockaddr(&file, address, &status);
    if (status != MMDB_SUCCESS || !result.found_entry) return std::nullopt;
    return result.entry;
}

}  // namespace

PlaceFile::PlaceFile(std::unique_ptr<MMDB_s> file)
    : file_(std::move(file)),
      type_(file_->metadata.database_type),
      built_at_s_(static_cast<std::int64_t>(file_->metadata.build_epoch)) {}

PlaceFile::~PlaceFile() { MMDB_close(file_.get()); }

Result<std::shared_ptr<const PlaceFile>> PlaceFile::open(const std::filesystem::path& path) {
    const std::string name = path.string();
    const auto copy = copy_of(name);
    if (!copy) return copy.error();
    const std::string copy_name = "/proc/self/fd/" + std::to_string(copy->get());
    auto file = std::make_unique<MMDB_s>();
    const int status = MMDB_open(copy_name.c_str(), MMDB_MODE_MMAP, file.get());
    if (status == MMDB_FILE_OPEN_ERROR || status == MMDB_OUT_OF_MEMORY_ERROR) {
        return error(Errc::io,
                     "cannot open " + name + ": " + MMDB_strerror(status) + " (is /proc mounted?)");
    }
    if (status != MMDB_SUCCESS) {
        return refused(name +
                       " is not a MaxMind DB file, or not all of one (expected a database of "
                       "countries or cities, such as dbip-country-lite.mmdb)");
    }
    std::shared_ptr<const PlaceFile> places(new PlaceFile(std::move(file)));
    if (auto checked = places->check(name); !checked) return checked.error();
    return places;
}

Result<void> PlaceFile::check(const std::string& name) const {
    const auto damaged = [&](int status) {
        return refused(name + " is damaged: " + MMDB_strerror(status) + " (get it again)");
    };
    std::vector<bool> seen(file_->data_section_size);
    bool names_countries = false;
    for (std::uint32_t number = 0; number < file_->metadata.node_count; ++number) {
        MMDB_search_node_s node;
        if (const int status = MMDB_read_node(file_.get(), number, &node); status != MMDB_SUCCESS) {
            return damaged(status);
        }
        for (const auto& [type, entry] : {std::pair{node.left_record_type, node.left_record_entry},
                                          {node.right_record_type, node.right_record_entry}}) {
            if (type == MMDB_RECORD_TYPE_INVALID) return damaged(MMDB_CORRUPT_SEARCH_TREE_ERROR);
            if (type != MMDB_RECORD_TYPE_DATA) continue;
            if (entry.offset >= seen.size()) return damaged(MMDB_CORRUPT_SEARCH_TREE_ERROR);
            if (seen[entry.offset]) continue;
            seen[entry.offset] = true;
            clicks::Place place;
            int status = MMDB_SUCCESS;
            read_place(entry, place, status);
            if (status != MMDB_SUCCESS) return damaged(status);
            names_countries = names_countries || !place.country.empty();
        }
    }
    if (names_countries) return {};
    return refused(name + " is a database of type '" + type_ +
                   "', which names no country (expected one of countries or cities, such as "
                   "dbip-country-lite.mmdb)");
}

bool PlaceFile::find(const sockaddr* address, clicks::Place& place) const {
    int status = MMDB_SUCCESS;
    const auto entry = entry_of(*file_, address);
    return entry && read_place(*entry, place, status);
}

std::uint8_t PlaceFile::country(const sockaddr* address) const {
    int status = MMDB_SUCCESS;
    const auto entry = entry_of(*file_, address);
    if (!entry) return 0;
    return clicks::country_code(text_at(*entry, {"country", "iso_code"}, status).value_or(""));
}

}  // namespace qck::maxmind
