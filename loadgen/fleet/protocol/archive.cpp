#include "loadgen/fleet/protocol/archive.hpp"

#include <memory>
#include <optional>

namespace qck::fleet {
namespace {

constexpr std::size_t number_bytes_max = 10;

/// Returns where the next one goes; there is room for number_bytes_max.
std::uint8_t* put(std::uint64_t number, std::uint8_t* to) {
    for (; number >= 0x80; number >>= 7) *to++ = static_cast<std::uint8_t>(number | 0x80);
    *to++ = static_cast<std::uint8_t>(number);
    return to;
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
    const auto bytes =
        std::make_unique_for_overwrite<std::uint8_t[]>(counts.size() * 2 * number_bytes_max);
    std::uint8_t* to = bytes.get();
    std::uint32_t before = 0;
    for (const auto& [index, count] : counts) {
        to = put(index - before, to);
        to = put(count, to);
        before = index;
    }
    return {bytes.get(), to};
}

std::vector<std::uint8_t> packed(const std::vector<std::uint32_t>& numbers) {
    const auto bytes =
        std::make_unique_for_overwrite<std::uint8_t[]>(numbers.size() * number_bytes_max);
    std::uint8_t* to = bytes.get();
    for (const std::uint32_t number : numbers) to = put(number, to);
    return {bytes.get(), to};
}

bool unpack(const std::vector<std::uint8_t>& bytes, Counts& counts) {
    std::uint32_t index = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto gap = take(bytes, at);
        const auto count = take(bytes, at);
        if (!gap || !count || *gap > std::numeric_limits<std::uint32_t>::max() - index)
            return false;
        index += static_cast<std::uint32_t>(*gap);
        counts.emplace_back(index, *count);
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
