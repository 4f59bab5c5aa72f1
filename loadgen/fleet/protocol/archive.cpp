#include "loadgen/fleet/protocol/archive.hpp"

#include <optional>

namespace qck::fleet {
namespace {

void put(std::uint64_t number, std::vector<std::uint8_t>& bytes) {
    for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<std::uint8_t>(number | 0x80));
    bytes.push_back(static_cast<std::uint8_t>(number));
}

std::optional<std::uint64_t> take(const std::vector<std::uint8_t>& bytes, std::size_t& at) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
        const std::uint64_t byte = bytes[at++];
        number |= (byte & 0x7f) << shift;
        if (byte < 0x80) return number;
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::uint8_t> packed(const Counts& counts) {
    std::vector<std::uint8_t> bytes;
    for (const auto& [index, count] : counts) {
        put(index, bytes);
        put(count, bytes);
    }
    return bytes;
}

std::vector<std::uint8_t> packed(const std::vector<std::uint32_t>& numbers) {
    std::vector<std::uint8_t> bytes;
    for (const std::uint32_t number : numbers) put(number, bytes);
    return bytes;
}

bool unpack(const std::vector<std::uint8_t>& bytes, Counts& counts) {
    for (std::size_t at = 0; at < bytes.size();) {
        const auto index = take(bytes, at);
        const auto count = take(bytes, at);
        if (!index || !count || *index > std::numeric_limits<std::uint32_t>::max()) return false;
        counts.emplace_back(static_cast<std::uint32_t>(*index), *count);
    }
    return true;
}

bool unpack(const std::vector<std::uint8_t>& bytes, std::vector<std::uint32_t>& numbers) {
    for (std::size_t at = 0; at < bytes.size();) {
        const auto number = take(bytes, at);
        if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return false;
        numbers.push_back(static_cast<std::uint32_t>(*number));
    }
    return true;
}

}  // namespace qck::fleet
