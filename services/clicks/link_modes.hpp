#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "services/clicks/burst_detector.hpp"
#include "services/clicks/count_observer.hpp"

namespace qck::clicks {

/// A link that entered or left a mode. One whose code nobody could say then is told once more when
/// somebody can, with `from` and `to` the mode that it is in.
struct LinkModeChange {
    std::uint64_t link_id = 0;
    std::string code;  ///< empty when nobody could say
    LinkMode from = LinkMode::normal;
    LinkMode to = LinkMode::normal;
    double rate_per_s = 0;
    bool forced = false;
};

struct LinkModeStanding {
    std::uint64_t link_id = 0;
    std::string code;
    LinkMode mode = LinkMode::normal;
    double rate_per_s = 0;
    std::int64_t for_ns = 0;  ///< how long it has been in this mode
    bool forced = false;
};

struct LinkModeFigures {
    std::array<std::uint64_t, link_mode_names.size()> links{};  ///< now; of normal: forced ones
    std::array<std::uint64_t, link_mode_names.size()> entered{};
    std::uint64_t followed = 0;
};

struct LinkModesConfig {
    BurstThresholds thresholds;
    /// Between rounds of the detector.
    std::chrono::milliseconds every{100};
    /// The codes of links, in the order asked for; empty when unknown. May block; called on the
    /// thread of the modes.
    std::function<std::vector<std::string>(std::span<const std::uint64_t> link_ids)> codes_of;
    /// Monotonic nanoseconds.
    std::function<std::int64_t()> now = monotonic_ns;
};

/// The mode of every link, decided by a BurstDetector from what the counting thread lands, or by an
/// operator. One log line a change. Thread-safe; the questions are quick.
class LinkModes final : public CountObserver {
public:
    using Listener = std::function<void(const LinkModeChange&)>;

    explicit LinkModes(LinkModesConfig config);
    ~LinkModes() override;  ///< stop()
    LinkModes(const LinkModes&) = delete;
    LinkModes& operator=(const LinkModes&) = delete;

    /// Told of each change on the thread of the modes, in order. Before start().
    void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
    void start();
    void stop();

    LinkMode mode_of(std::uint64_t link_id) const;
    /// PostgreSQL is left alone until the link is normal again.
    bool suppresses_postgres(std::uint64_t link_id) const {
        return mode_of(link_id) != LinkMode::normal;
    }
    /// Those whose event rows stay in the journal until the burst ends.
    std::vector<std::uint64_t> in_burst() const;

    /// Empty mode: the detector decides again. Errc::unavailable when too many links are followed.
    Result<void> force(std::uint64_t link_id, const std::string& code,
                       std::optional<LinkMode> mode);
    /// Links that are not normal, or forced; by rate, highest first.
    std::vector<LinkModeStanding> standings() const;
    LinkModeFigures figures() const;
    /// Of a code among the standings.
    std::optional<std::uint64_t> link_of(const std::string& code) const;

    void began(const std::vector<ProducerCursor>& cursors,
               std::uint64_t revision) noexcept override;
    void landed(const LandedCounts& counts) noexcept override;

private:
    void run();
    void round();
    void apply(const std::vector<BurstDetector::Change>& changes);
    void announce(LinkModeChange change);
    void name_late();
    /// Of each change, in one question for all that are not known yet.
    std::vector<std::string> codes_of(const std::vector<BurstDetector::Change>& changes);

    const LinkModesConfig config_;
    std::vector<Listener> listeners_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    BurstDetector detector_;                                ///< guarded by mutex_
    std::vector<BurstDetector::LinkClicks> pending_;        ///< guarded by mutex_
    std::unordered_map<std::uint64_t, LinkMode> modes_;     ///< guarded by mutex_; not normal ones
    std::unordered_map<std::uint64_t, std::string> codes_;  ///< guarded by mutex_; of standings
    std::vector<BurstDetector::Change> unannounced_;        ///< guarded by mutex_
    std::array<std::uint64_t, link_mode_names.size()> entered_{};  ///< guarded by mutex_
    bool stopping_ = false;                                        ///< guarded by mutex_
    std::atomic<std::size_t> special_{0};  ///< size of modes_: asked before the lock is taken
    std::int64_t next_naming_ns_ = 0;      ///< the thread's alone
    bool backlog_ = true;                  ///< the counting thread's: not at the tail yet
    std::thread thread_;
};

}  // namespace qck::clicks
