#include "services/clicks/damage_log.hpp"

#include <string>
#include <system_error>

#include "base/log.hpp"

namespace qck::clicks {
namespace {

/// A disk that dies damages many places; the log need not hold them all.
constexpr std::uint64_t lines_max = 100;

}  // namespace

void DamageLog::report(const Damage& damage) {
    const auto place = places_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(damage.to - damage.from, std::memory_order_relaxed);

    const auto segment = damage.segment.path(journal_);
    const auto aside = journal_ / "corrupt" /
                       (std::to_string(damage.segment.shard) + "-" + damage.segment.file_name());
    std::error_code failure;
    std::filesystem::create_directories(aside.parent_path(), failure);
    std::filesystem::create_hard_link(segment, aside, failure);
    if (place < lines_max) {
        log::error("journal_damaged", {{"segment", segment.string()},
                                       {"from", damage.from},
                                       {"to", damage.to},
                                       {"records_lost", damage.records_lost},
                                       {"what", damage.what},
                                       {"kept_aside", aside.string()}});
    }
}

}  // namespace qck::clicks
