#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"

namespace qck::clicks {

/// How a link is treated (DESIGN section 3): elevated pins it in the caches, alerts, and leaves
/// PostgreSQL alone; burst also keeps its event rows in the journal until it ends.
enum class LinkMode : std::uint8_t { normal, elevated, burst };
inline constexpr std::array<std::string_view, 3> link_mode_names{"normal", "elevated", "burst"};

/// `normal`, `elevated`, `burst`; `auto` gives none: the detector decides.
Result<std::optional<LinkMode>> parse_link_mode(std::string_view text);

struct BurstThresholds {
    double elevated_per_s = 1'000;
    double burst_per_s = 10'000;
    /// A mode is left when the rate was below half its threshold for so long.
    std::chrono::milliseconds hold{10'000};
};

/// Which links are in a burst, from exact counts. Pure and deterministic. Not thread-safe.
///
/// A link's rate is what it got in the last second, in rounds of about 100 ms. Up at once, and only
/// above the threshold; down after `hold` below half of it. A link is followed once it makes a
/// twentieth of the elevated threshold in one round, so that a hundred thousand links a second that
/// are each clicked now and then cost one comparison each, and memory holds those few that could be
/// in a burst: links_max, and with more the slowest in normal mode give way.
class BurstDetector {
public:
    static constexpr std::size_t links_max = 4'096;

    struct LinkClicks {
        std::uint64_t link_id;
        std::uint64_t clicks;
    };
    struct Change {
        std::uint64_t link_id = 0;
        LinkMode from = LinkMode::normal;
        LinkMode to = LinkMode::normal;
        double rate_per_s = 0;
        bool forced = false;
    };
    /// A link that is not normal, or forced.
    struct Standing {
        std::uint64_t link_id = 0;
        LinkMode mode = LinkMode::normal;
        double rate_per_s = 0;
        std::int64_t since_ns = 0;  ///< of the mode; monotonic
        bool forced = false;
    };

    explicit BurstDetector(const BurstThresholds& thresholds) : thresholds_(thresholds) {}

    /// What each link got since the last round, which ended `now_ns` (monotonic, never decreasing);
    /// each link once, those of few clicks may be left out.
    std::vector<Change> round(std::span<const LinkClicks> counts, std::int64_t now_ns);
    /// Holds the link in `mode` whatever its rate, or lets the detector decide again.
    std::vector<Change> force(std::uint64_t link_id, std::optional<LinkMode> mode,
                              std::int64_t now_ns);

    /// By rate, highest first.
    std::vector<Standing> standings() const;
    std::size_t followed() const { return links_.size(); }
    /// Fewer clicks of a link in one round need not be given to round(), unless it is followed.
    std::uint64_t clicks_followed() const;

private:
    struct Round {
        std::int64_t at_ns = 0;
        std::uint64_t clicks = 0;
    };
    struct Followed {
        LinkMode mode = LinkMode::normal;
        std::optional<LinkMode> forced;
        std::int64_t since_ns = 0;
        /// When the rate was last at or above half of each threshold.
        std::int64_t half_elevated_ns = 0;
        std::int64_t half_burst_ns = 0;
        std::array<Round, 16> rounds{};  ///< a ring; the last second fits
        std::size_t next = 0;
        std::uint64_t clicks = 0;  ///< of the last second

        double rate() const { return static_cast<double>(clicks); }
    };

    void note(Followed& link, std::uint64_t clicks, std::int64_t now_ns);
    void forget_old(Followed& link, std::int64_t now_ns);
    LinkMode mode_by_rate(Followed& link, std::int64_t now_ns) const;
    bool make_room();

    const BurstThresholds thresholds_;
    std::unordered_map<std::uint64_t, Followed> links_;
};

}  // namespace qck::clicks
