#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/fleet/protocol/coordination.hpp"
#include "loadgen/record/run_frame.hpp"
#include "loadgen/schedule/arrival_schedule.hpp"
#include "loadgen/schedule/timetable.hpp"

namespace qck::fleet {

/// One run of a fleet, as its coordinator keeps it: whose requests are whose, and what was told of
/// them. Times are of the coordinator. Part of Coordination. Not thread-safe.
class FleetRun {
public:
    enum class Stage : std::uint8_t { preparing, running, ending, ended };
    /// Absent: it was lost before the run.
    enum class Part : std::uint8_t { preparing, ready, running, done, lost, absent };

    /// A stripe and the place from which it is somebody else's again.
    struct Held {
        schedule::Stripe stripe;
        std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
    };
    struct Share {
        Part part = Part::preparing;
        std::vector<Held> held;
        double share = 0;
        std::int64_t offset_used_ns = 0;
        std::vector<record::Accounting> phases;  ///< as told
        std::vector<std::uint64_t> scheduled;    ///< as told, by interval
        std::uint64_t ended = 0;                 ///< as told, of those
        std::uint32_t connections_open = 0;
        std::uint64_t connect_failures = 0;
        record::Cause connect_cause = record::Cause::other;
        std::optional<Done> done;
        std::string lost_why;
        std::int64_t lost_ns = 0;
    };

    /// What the run with this id is to be.
    FleetRun(Order wanted, std::uint32_t run, std::size_t agents);
    FleetRun(const FleetRun&) = delete;
    FleetRun& operator=(const FleetRun&) = delete;

    /// Shares the lanes and connections out among the agents for which `takes_part` holds.
    Result<std::vector<Prepare>> share_out(const std::vector<bool>& takes_part,
                                           const std::vector<Member>& members);
    /// Fails when the counts cannot be of this run.
    Result<void> add(std::size_t agent, const Progress& progress);
    /// Lanes that `agent` had, from the request that is due at `from_ns` or later, for each of
    /// `heirs`; nothing where it had none, or nothing more is due.
    std::vector<TakeOver> bequeath(std::size_t agent, std::int64_t from_ns,
                                   const std::vector<std::size_t>& heirs);
    record::Progress progress(const std::vector<Member>& members, std::int64_t now_ns) const;
    record::RunResult close(const std::vector<Member>& members,
                            const std::vector<ClockFilter>& clocks, std::int64_t now_ns,
                            std::int64_t wall_ms);

    Order order;
    const std::uint32_t id;
    std::vector<Share> shares;
    Stage stage = Stage::preparing;
    std::int64_t deadline_ns = 0;  ///< of preparing or ending
    std::int64_t start_ns = 0;
    std::optional<std::int64_t> stopped_ns;  ///< told to stop, or left without agents
    bool stopped_at_once = false;
    std::optional<Error> failure;  ///< it did not come to its start

    std::int64_t length_ns() const { return timetable_.curve().duration_ns(); }
    /// The place (schedule::Timetable) from which requests are due at `at_ns` or later.
    std::uint64_t place_at(std::int64_t at_ns);

private:
    static record::AgentProgress progress_of(const Share& share, const Member& member);
    void close_lost(Share& share, record::AgentResult& agent);
    void close_series(const Share& share, std::uint64_t gap);
    std::uint64_t expected_below(const Share& share, std::uint64_t end) const;
    double fullest_cpu(const std::vector<Member>& members) const;
    void add_evidence(const std::vector<Member>& members, std::chrono::nanoseconds ran);

    schedule::Timetable timetable_;
    schedule::DueTimes due_;
    record::RunFrame frame_;
    record::RunResult result_;
    std::uint64_t cut_at_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace qck::fleet
