#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace qck::commands {

/// What those who watch a run are told, as server-sent events (HTML Living Standard 9.2), kept so
/// that who comes late has what was before: the head of the run, its states, its agents, its end.
///
/// Bounded, however long a run is: of the states at most `states_max` are kept, evenly over the
/// run. A reader that is slower than the states come is told the newest one and skips the others.
/// Every call may come from any thread. What is given is one line of JSON each.
class EventFeed {
public:
    static constexpr std::size_t states_max = 512;

    /// How far one reader is. Begins anew as a default one.
    struct Reader {
        std::uint64_t run = 0;
        std::uint64_t state = 0;
        std::uint64_t agents = 0;
        std::uint64_t end = 0;
    };

    /// A run begins: what was told of another one is forgotten.
    void begin(std::string head);
    void add_state(std::string state);
    /// Replaces what was said of agents before; empty is as if it was not called.
    void set_agents(std::string agents);
    /// A run has ended. Its states stay.
    void end(std::string end);

    /// Events that `reader` has not had, empty when there are none: of a run that is new to it all
    /// that is kept, then the newest of everything. It counts as told.
    std::string next(Reader& reader) const;
    bool has_more(const Reader& reader) const;

private:
    struct State {
        std::uint64_t number = 0;
        std::string text;
    };

    mutable std::mutex mutex_;
    std::string head_;           ///< guarded by mutex_, as is all that follows
    std::vector<State> states_;  ///< every stride_-th
    State newest_;
    std::string agents_;
    std::string end_;
    std::uint64_t run_ = 0;  ///< counts the runs, as do the next ones what they are of
    std::uint64_t agents_number_ = 0;
    std::uint64_t end_number_ = 0;
    std::uint64_t of_run_ = 0;  ///< states of this run so far
    std::uint64_t stride_ = 1;
};

}  // namespace qck::commands
