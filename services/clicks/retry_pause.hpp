#pragma once

#include <algorithm>
#include <cstdint>

namespace qck::clicks {

/// How long to leave a store alone that has failed again after a pause of `before_ns` (0: for the
/// first time): twice as long, from 100 ms to 5 s.
inline std::int64_t retry_pause_ns(std::int64_t before_ns) {
    return std::clamp<std::int64_t>(2 * before_ns, 100'000'000, 5'000'000'000);
}

}  // namespace qck::clicks
