#include "services/links/code_generator.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "services/links/link_rules.hpp"

namespace qck::links {
namespace {
constexpr int node_shift = 12;
constexpr int time_shift = 22;
constexpr std::uint64_t sequence_mask = 0xfff;
}  // namespace

SnowflakeIds::SnowflakeIds(std::uint16_t node, std::uint64_t after, Clock clock)
    : node_bits_(static_cast<std::uint64_t>(node & node_max) << node_shift),
      clock_(std::move(clock)),
      last_((after >> time_shift << node_shift) | (after & sequence_mask)) {}

std::uint64_t SnowflakeIds::next() {
    const auto since_epoch = std::max<std::int64_t>(1, clock_() - epoch_ms);
    const auto now = static_cast<std::uint64_t>(since_epoch) << node_shift;
    auto last = last_.load(std::memory_order_relaxed);
    std::uint64_t mine = 0;
    do {
        mine = std::max(last + 1, now);
    } while (!last_.compare_exchange_weak(last, mine, std::memory_order_relaxed));
    return (mine >> node_shift << time_shift) | node_bits_ | (mine & sequence_mask);
}

std::uint8_t RandomCodes::next_byte() {
    if (used_ == pool_.size()) {
        std::size_t filled = 0;
        while (filled < pool_.size()) {
            const auto got = ::getrandom(pool_.data() + filled, pool_.size() - filled, 0);
            // Only EINTR can happen here; a guessable code would be worse than none.
            if (got < 0 && errno != EINTR) std::abort();
            if (got > 0) filled += static_cast<std::size_t>(got);
        }
        used_ = 0;
    }
    return std::exchange(pool_[used_++], std::uint8_t{0});
}

std::string RandomCodes::next() {
    constexpr std::string_view letters =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr auto fair_below = static_cast<std::uint8_t>(256 / letters.size() * letters.size());
    std::string code(code_bytes, '0');
    do {
        for (char& c : code) {
            auto byte = next_byte();
            while (byte >= fair_below) byte = next_byte();
            c = letters[byte % letters.size()];
        }
    } while (is_reserved(code));
    return code;
}

}  // namespace qck::links
