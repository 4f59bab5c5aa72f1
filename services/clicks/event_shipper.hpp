#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/clicks/delivery_state.hpp"
#include "services/clicks/event_source.hpp"

namespace qck::clicks {

/// Where a DeliveryState survives a crash.
class StateFile {
public:
    virtual ~StateFile() = default;
    /// Empty when there is none yet.
    virtual Result<std::optional<std::string>> load() = 0;
    /// Replaced as a whole, and on the disk when it returns.
    virtual Result<void> save(const std::string& text) = 0;
};

struct ShipperConfig {
    std::uint64_t node = 0;
    /// A batch is sent when it has so many rows,
    std::size_t rows_max = 100'000;
    /// or when its first is so old.
    std::chrono::milliseconds age_max{300};
    /// Links whose rows are not sent at present but owed; sorted. May be empty.
    std::function<std::vector<std::uint64_t>()> deferred_links;
    /// Fills `links` of a batch from its `link_ids`. May be empty.
    std::function<void(EventBatch&)> resolve_links;
};

struct ShipperFigures {
    std::uint64_t rows = 0;     ///< acknowledged
    std::uint64_t batches = 0;  ///< acknowledged
    std::uint64_t failures = 0;
    std::uint64_t asks = 0;
    std::uint64_t rows_found_there = 0;  ///< by asking
    std::uint64_t deferred = 0;          ///< stretches that are owed
};

/// Brings the journal's rows to one sink, each exactly once: reads, seals, saves, sends, asks.
/// While the sink is busy with one batch the next is read and prepared, no further: it is sealed
/// when the one before is acknowledged. One small step at a time, so that it can be simulated with
/// every fault at every place; knows no thread and no clock. Not thread-safe.
class EventShipper {
public:
    EventShipper(EventSource& source, EventSink& sink, StateFile& file, ShipperConfig config);

    /// Takes up what the file says; before the first step.
    Result<void> load();

    enum class Did : std::uint8_t {
        nothing,    ///< there are no rows, or too few and too young
        something,  ///< call again at once
    };
    /// One step. Fails when the sink or the file does; call again later.
    Result<Did> step(std::int64_t now_ns);

    /// The next batch is sent however young its rows are.
    void hurry() { hurry_ = true; }
    /// Reads everything again that the journal still has, and sends what the sink lacks: after it
    /// lost something. Begins when the batch in hand is done.
    void resend_all() { rewind_asked_ = true; }
    bool resending() const { return rewind_asked_ || state_.verifying(); }
    /// What resend_all() asked for is in the file, or done.
    bool resend_saved() const { return !rewind_asked_ && !state_.unsaved(); }

    /// Nothing is in hand, and everything up to the source's ends was acknowledged.
    bool caught_up();
    const DeliveryState& state() const { return state_; }
    const ShipperFigures& figures() const { return figures_; }

private:
    /// What is read and not yet sealed.
    struct OpenBatch {
        EventBatch rows;
        SealedBatch what;
        std::int64_t first_row_ns = 0;
        bool begun = false;
        bool finished = false;  ///< in order, resolved, prepared: nothing is added to it
    };

    Result<Did> collect(std::int64_t now_ns);
    Result<Did> await(std::int64_t now_ns);
    void read_ahead(std::int64_t now_ns);
    Result<bool> read_open(std::int64_t now_ns);
    void finish_open();
    Result<Did> seal_owed(const OwedRows& owed);
    Result<Did> save();
    Result<Did> send();
    Result<Did> ask();
    Result<void> rebuild();
    void name(EventBatch& rows, const SealedBatch& batch) const;
    void resolve(EventBatch& batch) const;
    void begin_open();
    void done();

    EventSource& source_;
    EventSink& sink_;
    StateFile& file_;
    ShipperConfig config_;
    DeliveryState state_;
    EventBatch batch_;          ///< the rows of the sealed batch that are to be sent
    bool batch_built_ = false;  ///< batch_ has them
    OpenBatch open_;
    bool read_ahead_ = false;  ///< since the batch in hand was sent
    bool hurry_ = false;
    bool rewind_asked_ = false;
    bool owed_turn_ = true;
    ShipperFigures figures_;
};

}  // namespace qck::clicks
