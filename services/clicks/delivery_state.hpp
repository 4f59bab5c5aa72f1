#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"

namespace qck::clicks {

/// A stretch of one shard's journal.
struct Stretch {
    std::uint16_t shard = 0;
    Cursor from;
    Cursor to;
    friend bool operator==(const Stretch&, const Stretch&) = default;
};

/// Rows of a link that were passed over and are still owed to the sink.
struct DeferredStretch {
    std::uint64_t link_id = 0;
    Stretch stretch;
    friend bool operator==(const DeferredStretch&, const DeferredStretch&) = default;
};

/// Rows of some links in one stretch, owed since these were deferred.
struct OwedRows {
    std::vector<std::uint64_t> links;  ///< sorted
    Stretch stretch;
    friend bool operator==(const OwedRows&, const OwedRows&) = default;
};

/// Which rows a batch has; written down before it is sent, so that the same batch can be made
/// again.
struct SealedBatch {
    /// Not empty: these are rows of these links, owed since they were deferred. Sorted.
    std::vector<std::uint64_t> only_links;
    /// Links whose rows are left out and owed from here on. Sorted.
    std::vector<std::uint64_t> except_links;
    std::vector<Stretch> stretches;
    /// DeliveryState::pass() when it was sealed: what is sent again after a repair has another name
    /// than it had, since stores remember the names of rows that were deleted since.
    std::uint64_t pass = 0;
    friend bool operator==(const SealedBatch&, const SealedBatch&) = default;

    /// A name that no other batch of any node has.
    std::string token(std::uint64_t node) const;
};

/// How far one sink is with the journal: a batch is sealed -> saved -> sent -> acknowledged, and
/// then the cursors move. One batch at a time is in hand: the next may be read meanwhile, from
/// where this one ends (next_cursor()), but it is sealed when this one is acknowledged. When the
/// outcome of sending is unknown, what the sink has is asked for before anything is sent again.
/// Pure; everything that must survive a crash is in text().
class DeliveryState {
public:
    /// What is to be done next.
    enum class Step : std::uint8_t { seal, save, send, await, ask };

    Step next() const { return step_; }
    /// The batch in hand; there is one but in Step::seal.
    const SealedBatch& batch() const { return *sealed_; }
    /// Up to where all was acknowledged.
    Cursor cursor(std::uint16_t shard) const;
    /// Where reading goes on: cursor() as it will be when the batch in hand is acknowledged.
    Cursor next_cursor(std::uint16_t shard) const;
    /// What must be kept of each shard that is known: from the cursor, or the oldest row owed.
    std::vector<ProducerCursor> needed() const;
    const std::vector<DeferredStretch>& deferred() const { return deferred_; }
    /// What is owed of links that are not among `still_deferred` (sorted): of the shard of the
    /// oldest such stretch, from where the first link's begins up to where another's begins or one
    /// ends, all links that are owed it. So what many links share is read once.
    std::optional<OwedRows> due(const std::vector<std::uint64_t>& still_deferred) const;
    /// Room for so many deferred links, beside those of the batch in hand; without it, their rows
    /// are sent as all others.
    bool can_defer(std::size_t links) const;

    // Seal -> save. A shard that begins to be read is told with an empty stretch.
    void seal(SealedBatch batch);
    /// Save -> send; or -> ask, where the sink may have the rows: owed ones, and those before the
    /// place up to which it is being verified.
    void saved();
    /// Send -> await: the sink has been given the rows, and what it says to them is to come.
    void sent() { step_ = Step::await; }
    /// Await -> seal; send -> seal when there is nothing to send.
    void acknowledged();
    /// Send or await -> ask.
    void outcome_unknown() { step_ = Step::ask; }
    /// Ask -> seal when nothing is missing, else -> send what is.
    void answered(bool all_present);

    /// Reads everything again from the beginning, and asks about each batch before sending it. In
    /// Step::seal only.
    void rewind();
    bool verifying() const { return !verify_until_.empty(); }
    /// How often everything was begun to be read again.
    std::uint64_t pass() const { return pass_; }
    /// Differs from what text() was when it was last saved().
    bool unsaved() const { return unsaved_; }
    void note_saved() { unsaved_ = false; }

    /// For a file; `node` is who the journal belongs to.
    std::string text(std::uint64_t node) const;
    /// A sealed batch comes back as one whose outcome is unknown. Errc::corrupt, Errc::conflict
    /// when it is of another node.
    static Result<DeliveryState> parse(std::string_view text, std::uint64_t node);

    static constexpr std::size_t deferred_max = 16'384;
    /// In one batch of owed rows: a sink may be asked for them by name.
    static constexpr std::size_t owed_links_max = 64;

private:
    void move(std::vector<ProducerCursor>& cursors, std::uint16_t shard, const Cursor& to);
    void owe(std::uint64_t link_id, const Stretch& stretch);
    void settle_owed(std::uint64_t link_id, const Stretch& stretch);
    bool may_be_there(const SealedBatch& batch) const;

    Step step_ = Step::seal;
    std::vector<ProducerCursor> cursors_;
    std::optional<SealedBatch> sealed_;
    std::vector<DeferredStretch> deferred_;
    std::vector<ProducerCursor> verify_until_;
    std::uint64_t pass_ = 0;
    bool unsaved_ = false;
};

}  // namespace qck::clicks
