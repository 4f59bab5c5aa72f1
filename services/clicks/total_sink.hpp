#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click.hpp"

namespace qck::clicks {

/// Absolute totals of one link by the shards of this data directory, all that are not 0.
struct LinkTotals {
    struct Part {
        std::uint16_t shard = 0;
        ClickClass click_class = ClickClass::human;
        std::uint64_t total = 0;
    };
    std::uint64_t link_id = 0;  ///< 0: unknown codes
    std::vector<Part> parts;    ///< sorted by shard, class
    /// The sink took totals of this link from this data directory before.
    bool delivered_before = false;
};

/// What became of links that a sink was given.
struct Taken {
    /// Of these the sink had lost what it was given before: every instance has to give it those
    /// again.
    std::vector<std::uint64_t> lost;
    /// These it may not have taken (a part of it is out of reach), and why.
    std::vector<std::uint64_t> untaken = {};
    std::string why = {};
};

/// A store of totals that instances share. Holds, for each link, every producer's total so far and
/// takes the larger of old and new, so that giving it the same again, late or twice is harmless.
class TotalSink {
public:
    virtual ~TotalSink() = default;

    /// For logs, metrics and the cursor's file: `redis`.
    virtual std::string_view name() const = 0;
    /// When it fails, some of the links may have been taken, and none is known to be. Blocking;
    /// called by one thread at a time.
    virtual Result<Taken> deliver(std::uint64_t node, std::span<const LinkTotals> links) = 0;
    /// Names what the sink holds now. Another name than before: it may have lost some of it
    /// (emptied, begun anew, failed over), and needs every link again. Empty: it cannot tell.
    /// Blocking; by the thread that delivers.
    virtual Result<std::string> incarnation() { return std::string(); }
};

}  // namespace qck::clicks
