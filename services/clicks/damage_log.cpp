#include "services/clicks/damage_log.hpp"

#include <system_error>

#include "base/log.hpp"

namespace qck::clicks {
namespace {

namespace fs = std::filesystem;

/// A disk that dies damages many places; the log need not hold them all.
constexpr std::uint64_t lines_max = 100;
/// The disk must have room for so many copies, or none is made: clicks come first.
constexpr std::uintmax_t room_in_copies = 4;

std::uintmax_t bytes_in(const fs::path& folder) {
    std::uintmax_t sum = 0;
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure); !failure && at != fs::directory_iterator();
         at.increment(failure)) {
        const auto bytes = at->file_size(failure);
        if (!failure) sum += bytes;
    }
    return sum;
}

/// Whole or not at all.
std::error_code copy_to(const fs::path& from, const fs::path& to) {
    auto part = to;
    part += ".part";
    std::error_code failure;
    fs::copy_file(from, part, fs::copy_options::overwrite_existing, failure);
    if (!failure) fs::rename(part, to, failure);
    std::error_code ignored;
    if (failure) fs::remove(part, ignored);
    return failure;
}

}  // namespace

fs::path aside_folder(const fs::path& journal) { return journal / "corrupt"; }

/// Where the copy is, or why there is none.
std::string DamageLog::keep_aside(const SegmentId& id) const {
    const auto folder = aside_folder(journal_);
    const auto segment = id.path(journal_);
    const auto aside = folder / (std::to_string(id.shard) + "-" + id.file_name());
    std::error_code failure;
    if (fs::exists(aside, failure)) return aside.string();
    fs::create_directories(folder, failure);
    const auto bytes = failure ? 0 : fs::file_size(segment, failure);
    if (failure) return "no: " + failure.message();
    if (bytes_in(folder) + bytes > aside_bytes_max_) return "no: " + folder.string() + " is full";
    const auto room = fs::space(folder, failure);
    if (!failure && room.available / room_in_copies < bytes) return "no: the disk has little room";
    failure = copy_to(segment, aside);
    return failure ? "no: " + failure.message() : aside.string();
}

void DamageLog::report(const Damage& damage) {
    const auto place = places_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(damage.to - damage.from, std::memory_order_relaxed);
    const std::string aside = keep_aside(damage.segment);
    if (place < lines_max) {
        log::error("journal_damaged", {{"segment", damage.segment.path(journal_).string()},
                                       {"from", damage.from},
                                       {"to", damage.to},
                                       {"records_lost", damage.records_lost},
                                       {"what", damage.what},
                                       {"kept_aside", aside}});
    }
}

}  // namespace qck::clicks
