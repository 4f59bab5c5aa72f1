#pragma once

#include <cstddef>
#include <cstdint>

namespace qck::clicks {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes` at `data`, going on from `crc`: chaining
/// calls gives the checksum of the whole, and a caller may begin with a seed of its own. By the
/// CPU's instruction where it has one, else by a table; both give the same.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t bytes) noexcept;

/// The same over whole 64-bit words (little-endian): the journal's hot path.
std::uint32_t crc32c_words(std::uint32_t crc, const std::uint64_t* words,
                           std::size_t count) noexcept;

/// The table alone, for tests and other CPUs.
std::uint32_t crc32c_by_table(std::uint32_t crc, const void* data, std::size_t bytes) noexcept;

}  // namespace qck::clicks
