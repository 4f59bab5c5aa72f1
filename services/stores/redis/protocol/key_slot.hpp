#pragma once

#include <cstdint>
#include <string_view>

namespace qck::redis {

inline constexpr std::uint16_t slot_count = 16384;

/// CRC16-CCITT, XMODEM variant (polynomial 0x1021, initial value 0), as the Redis Cluster
/// specification, appendix A, has it.
std::uint16_t crc16(std::string_view bytes);

/// The cluster slot of a key. If the key has a `{` and after it a `}` with at least one byte
/// between, only what stands between the first `{` and the first `}` after it is hashed; otherwise
/// all of it is (Redis Cluster specification, "Hash tags").
std::uint16_t slot_of_key(std::string_view key);

/// A number whose decimal digits, as a hash tag, have that slot. The first call takes some
/// milliseconds.
std::uint32_t tag_of_slot(std::uint16_t slot);

}  // namespace qck::redis
