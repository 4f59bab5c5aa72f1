#pragma once

#include <cstdint>

#include "services/stores/redis/blocking_client.hpp"

namespace qck::redis {

/// Removes keys `clicks:{id}:{second}` of seconds (since 1970) before `before_s`, on every master,
/// whether they expire or not; no other key. In steps of some thousand keys, which do not hold the
/// server up. Returns how many were there.
Result<std::uint64_t> remove_second_keys(BlockingClient& client, std::int64_t before_s);

}  // namespace qck::redis
