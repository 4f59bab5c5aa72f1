#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/clicks/click_store.hpp"

namespace qck::clicks {

/// How far a sink has been given the local totals; what outlives the process.
struct DeliveryPosition {
    std::vector<ProducerCursor> cursors;  ///< every link clicked before them was delivered,
    std::vector<std::uint64_t> owed;      ///< but for these,
    std::string incarnation = {};         ///< to the sink of this name (TotalSink::incarnation)
};

/// Which links' totals a sink is still owed. A pure state machine: it is told what landed in the
/// local store and what was delivered, and says what to do next. Not thread-safe.
///
/// Invariants, with `covered <= target` the cursors of before and of now:
/// - a link clicked before `covered` was delivered since, or is among `owed`;
/// - a link clicked in [known_from, target) is among `touched` or in the sweep under way;
/// - so when covered < known_from, the links between have to be read from the journal, and when
///   covered is not known at all, every link has to be walked.
/// Memory is bounded: more touched links than links_max are forgotten and read again later.
class OwedTotals {
public:
    struct Limits {
        /// Distinct links remembered as touched, and as many in the sweep under way.
        std::size_t links_max = 500'000;
        /// Links in one task.
        std::size_t part_links_max = 5'000;
        /// Owed links that a position may name; with more it stays where it is.
        std::size_t position_links_max = 10'000;
    };
    struct Task {
        enum class Kind : std::uint8_t {
            nothing,
            send,          ///< the totals of `links`; then sent()
            read_journal,  ///< for the links clicked in [from, to); then journal_read()
            walk,          ///< all links above `after`; then walked()
        };
        Kind kind = Kind::nothing;
        std::vector<std::uint64_t> links;
        std::vector<ProducerCursor> from;
        std::vector<ProducerCursor> to;
        std::optional<std::uint64_t> after;
        std::uint64_t walk = 0;  ///< which walk it belongs to
    };
    using Suppressed = std::function<bool(std::uint64_t link_id)>;

    /// `known`: of an earlier run; without it all links are owed.
    OwedTotals(const Limits& limits, std::optional<DeliveryPosition> known);

    void began(const std::vector<ProducerCursor>& cursors, std::uint64_t revision);
    void landed(const CountBatch& batch, const std::vector<ProducerCursor>& cursors,
                std::uint64_t revision);
    /// The sink needs this link once more.
    void mark(std::uint64_t link_id);
    void mark_all();
    /// What the sink holds is called so now. True: it was called otherwise, and is owed every link.
    bool sink_is(const std::string& incarnation);

    /// What to do now. Links that are `suppressed` stay owed. Once read_journal or walk was
    /// given, its outcome is told before the next question (a failure: by asking again). Parts of a
    /// walk take turns with links that are clicked meanwhile; without `walk_now` there are none.
    Task next(const Suppressed& suppressed, bool walk_now = true);
    void sent(std::span<const std::uint64_t> links);
    /// `reached` is not beyond the task's `to`. `gap`: the journal no longer has it all.
    void journal_read(std::span<const std::uint64_t> links,
                      const std::vector<ProducerCursor>& reached, bool gap);
    /// Everything that the task asked for was sent or put off, up to `last`; empty: to the end.
    void walked(const Task& task, std::optional<std::uint64_t> last);
    void put_off(std::uint64_t link_id);

    /// Whether the sink was given this link before, as far as is known for sure: `total` is its sum
    /// as read at revision().
    bool delivered_before(std::uint64_t link_id, std::uint64_t total) const;

    bool has_begun() const { return begun_; }
    /// Of the last batch that was told.
    std::uint64_t revision() const { return revision_; }
    /// Nothing is owed but what is suppressed.
    bool all_delivered() const;
    /// The same of what was clicked before `until` or marked: what came later may be owed.
    bool delivered_until(const std::vector<ProducerCursor>& until,
                         const Suppressed& suppressed) const;
    /// Links that are owed: marked ones, and those that were suppressed when their turn came.
    std::vector<std::uint64_t> owed() const;
    /// Links owed; while all are walked at least one, since nobody knows how many.
    std::size_t pending() const {
        return touched_.size() + sweep_.size() + owed_.size() + (walking_ ? 1 : 0);
    }
    bool walking() const { return walking_; }
    /// To be kept; empty when a start would have to walk everything.
    const std::optional<DeliveryPosition>& position() const { return position_; }
    /// Raised whenever position() changed.
    std::uint64_t position_version() const { return position_version_; }

private:
    /// Clicks that were told since the link was last delivered.
    struct Pending {
        std::uint64_t clicks = 0;
        bool exact = true;     ///< false: there may be more than `clicks`
        bool in_hand = false;  ///< of owed ones: was given out to be sent, and not marked since
    };
    using Links = std::unordered_map<std::uint64_t, Pending>;

    void touch(std::uint64_t link_id, std::uint64_t clicks);
    Task sweep_touched(const Suppressed& suppressed);
    void begin_sweep(const std::vector<ProducerCursor>& to);
    void end_sweep();
    void begin_walk();
    void renew_position();
    void release_owed(const Suppressed& suppressed);
    Task part_of_sweep(const Suppressed& suppressed);

    const Limits limits_;
    bool begun_ = false;
    bool walking_ = false;
    std::uint64_t walk_ = 0;
    bool walked_last_ = false;
    std::optional<std::uint64_t> walk_after_;
    std::vector<ProducerCursor> walk_to_;
    std::vector<ProducerCursor> covered_;
    std::vector<ProducerCursor> known_from_;
    std::vector<ProducerCursor> target_;
    std::uint64_t revision_ = 0;
    Links touched_;
    Links sweep_;
    bool sweeping_ = false;
    std::vector<ProducerCursor> sweep_to_;
    Links owed_;
    std::string incarnation_;
    std::optional<DeliveryPosition> position_;
    std::uint64_t position_version_ = 0;
};

}  // namespace qck::clicks
