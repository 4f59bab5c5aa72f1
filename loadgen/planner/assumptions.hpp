#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::planner {

/// What a plan of a burst is computed from.
enum class Given : std::uint8_t {
    stragglers_share,
    retweets_share,
    peak_s,
    stragglers_s,
    retweets_s,
    generator_rate_per_core,
    generator_share,
    agent_cores,
    agent_gigabits,
    request_bytes,
    answer_bytes,
    packets_per_request,
    latency_ms,
    ports_per_address,
    clicks_per_connection,
    time_wait_s,
    redirect_rate,
    redis_ops_per_click,
    redis_ops_per_node,
    redis_replicas,
    clickhouse_rows_per_node,
    clickhouse_node_memory_gb,
    redis_memory_gb,
    postgres_updates,
    sync_s,
    journal_bytes,
    row_bytes,
    row_compression,
    cost_cdn,
    cost_redis,
    cost_clickhouse,
    cost_bandwidth,
    cost_edge,
};
inline constexpr std::size_t given_count = static_cast<std::size_t>(Given::cost_edge) + 1;

/// One number that a plan stands on. Each has a flag of its own, and says where it is from.
struct Assumption {
    Given id{};
    std::string_view flag;  ///< without its dashes
    double value = 0;
    std::string_view unit;
    std::string_view what;
    std::string source;
    double least = 0;  ///< what the flag takes
    double most = 0;
};

/// The documents' numbers, until something better is known.
class Assumptions {
public:
    Assumptions();

    double of(Given id) const { return at(id).value; }
    const Assumption& at(Given id) const { return all_[static_cast<std::size_t>(id)]; }
    std::span<const Assumption> all() const { return all_; }
    /// Fails when the value is outside of what makes sense, naming the range.
    Result<void> set(Given id, double value, std::string source);

private:
    std::array<Assumption, given_count> all_;
};

}  // namespace qck::planner
