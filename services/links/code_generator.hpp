#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.hpp"

namespace qck::links {

/// Ids of links: Snowflakes. From the top: 0, 41 bits of milliseconds since 2024-01-01, 10 bits of
/// node, 12 bits of sequence. Unique over nodes, growing on one node, never 0.
///
/// The clock only lifts the counter: when it stands still or steps back, ids go on from the last
/// one, so more than 4,096 ids in a millisecond borrow from the next. Thread-safe, lock-free.
class SnowflakeIds {
public:
    static constexpr std::uint16_t node_max = 1023;
    static constexpr std::int64_t epoch_ms = 1'704'067'200'000;
    using Clock = std::function<std::int64_t()>;  ///< milliseconds since 1970

    /// `after` is the greatest id of this node so far (0 for none), in case the clock was set back
    /// while the service was stopped. Of `node` the lower 10 bits count.
    explicit SnowflakeIds(std::uint16_t node, std::uint64_t after = 0, Clock clock = wall_ms);

    std::uint64_t next();

private:
    std::uint64_t node_bits_;
    Clock clock_;
    std::atomic<std::uint64_t> last_;  ///< milliseconds << 12 | sequence
};

/// Short codes for links that ask for none: 7 letters and digits from the system's secure random
/// source, so that nobody can guess the next or count the links. 62^7 = 3.5e12 codes: with a
/// million links one in 3.5 million collides, and its creation is tried again with another.
/// Not thread-safe; each thread owns one.
class RandomCodes {
public:
    static constexpr std::size_t code_bytes = 7;
    std::string next();

private:
    std::uint8_t next_byte();

    std::array<std::uint8_t, 512> pool_{};
    std::size_t used_ = sizeof pool_;
};

}  // namespace qck::links
