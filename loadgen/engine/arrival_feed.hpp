#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/schedule/arrival_schedule.hpp"

namespace qck::engine {

/// One request that somebody else has made ready.
struct FeedItem {
    std::int64_t due_ns = 0;      ///< from the start of the run
    bool head = false;            ///< its answer has no body
    bool may_be_refused = false;  ///< WorkerRecord::Sent has it
    std::string bytes;            ///< the whole message
};

/// Requests that come from outside instead of from the plan's curve and mix: when they are due is
/// known only as they come. Due times never decrease. Workers take what comes next, in turn.
/// Thread-safe.
class ArrivalFeed {
public:
    virtual ~ArrivalFeed() = default;
    /// Appends up to `most` of the next requests, none when none is there yet. False when there
    /// will be none any more. Does not wait.
    virtual bool take(std::vector<FeedItem>& into, std::size_t most) = 0;
};

/// A worker's end of a feed: a few requests taken ahead. Belongs to one thread.
class FeedLane {
public:
    explicit FeedLane(ArrivalFeed& feed) : feed_(&feed) {}

    /// The next request; empty when there is none now, which is for ever once ended().
    std::optional<schedule::Arrival> next() {
        if (++at_ >= items_.size()) {
            items_.clear();
            at_ = 0;
            if (!ended_) ended_ = !feed_->take(items_, taken_at_once);
        }
        if (at_ >= items_.size()) return std::nullopt;
        return schedule::Arrival{0, items_[at_].due_ns, 0};
    }
    /// What next() gave last.
    const FeedItem& current() const { return items_[at_]; }
    bool ended() const { return ended_ && at_ >= items_.size(); }
    /// Nothing more is taken.
    void close() {
        items_.clear();
        at_ = 0;
        ended_ = true;
    }

private:
    /// Few, so that a worker whose connections are all busy keeps little from the others.
    static constexpr std::size_t taken_at_once = 16;

    ArrivalFeed* feed_;
    std::vector<FeedItem> items_;
    std::size_t at_ = 0;
    bool ended_ = false;
};

}  // namespace qck::engine
