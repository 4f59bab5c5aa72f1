#pragma once

#include <cstddef>
#include <cstdint>

namespace qck::reconcile {

/// A service that tidies may replace the checkpoint and remove segments while they are read; then
/// all is read again, so often at most.
constexpr int attempts_max = 5;
/// Of a segment, at a time.
constexpr std::size_t read_bytes = 64 << 20;

constexpr std::int64_t minute_ms = 60'000;

}  // namespace qck::reconcile
