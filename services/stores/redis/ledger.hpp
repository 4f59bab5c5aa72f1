#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "services/stores/redis/figures.hpp"
#include "services/stores/redis/request.hpp"

namespace qck::redis {

/// Knows what is under way: takes commands up to a bound, and ends each exactly once. One thread.
class Ledger {
public:
    Ledger(std::size_t commands_max, std::size_t bytes_max)
        : commands_max_(commands_max), bytes_max_(bytes_max) {}

    /// Counts it in; false when that is beyond the bounds: refuse_later() is then the only way on.
    bool admit(const Request& request);
    /// Ends it with a reply (an error reply becomes an Error that names `server`) or with an error.
    void finish(Request&& request, Reply&& reply, const std::string& server);
    void finish(Request&& request, Error why);
    /// Ends it at the next settle(), for those that may not call `done` where they are.
    void refuse_later(Request&& request, Error why);
    void settle();

    std::size_t in_flight() const { return commands_; }
    Figures& figures() { return figures_; }
    const Figures& figures() const { return figures_; }

private:
    void count_out(const Request& request);

    const std::size_t commands_max_;
    const std::size_t bytes_max_;
    std::size_t commands_ = 0;
    std::size_t bytes_ = 0;
    Figures figures_;
    std::vector<std::pair<Request, Error>> refused_;
};

}  // namespace qck::redis
