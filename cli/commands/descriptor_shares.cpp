#include "cli/commands/descriptor_shares.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <string>

namespace qck::commands {
namespace {

/// Kept from all listeners: stores, segments, logs, connections to other services; and for each
/// thread its epoll set, its listener, and its shard being written, read and synced.
constexpr std::uint64_t reserve = 64;
constexpr std::uint64_t reserve_per_thread = 8;
/// Clients of shared stores, kept for them whether they are there or not: two pools of PostgreSQL,
/// those of Redis (a Cluster or Sentinel takes several each) and ClickHouse that are the process's;
/// and what each redirect thread looks links up with, on up to three nodes.
constexpr std::uint64_t store_clients = 32;
constexpr std::uint64_t store_clients_per_thread = 3;
constexpr std::uint64_t side_listeners = 3;
constexpr std::uint64_t side_min = 4;
constexpr std::uint64_t side_max = 10'000;

}  // namespace

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (before < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
    return limit.rlim_cur;
}

Result<DescriptorShares> share_descriptors(std::uint64_t limit, std::uint16_t threads) {
    const std::uint64_t own =
        reserve + store_clients + (reserve_per_thread + store_clients_per_thread) * threads;
    // An eighth for each side listener, the rest for redirects, a few of each at least.
    const std::uint64_t least = own + (side_listeners + 1) * side_min + threads;
    if (limit < least) {
        return error(Errc::unavailable, "the limit of open files, " + std::to_string(limit) +
                                            ", is too low for " + std::to_string(threads) +
                                            " threads: raise it (ulimit -n) to " +
                                            std::to_string(least) + " or more, better to 65536");
    }
    const std::uint64_t left = limit - own;
    const std::uint64_t side = std::clamp(left / 8, side_min, side_max);
    const std::uint64_t redirects =
        std::min<std::uint64_t>(left - side_listeners * side, UINT32_MAX);
    return DescriptorShares{static_cast<std::uint32_t>(redirects),
                            static_cast<std::uint32_t>(side)};
}

}  // namespace qck::commands
