#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace qck::clicks {

/// Every answered request under /{code} is a click of exactly one class, so totals can be derived
/// again (B10).
enum class ClickClass : std::uint8_t { human, bot, head, prefetch, preview, unknown_code, expired };
inline constexpr std::size_t click_class_count = 7;
inline constexpr std::array<std::string_view, click_class_count> click_class_names{
    "human", "bot", "head", "prefetch", "preview", "unknown_code", "expired"};

/// How much of a client's address is kept.
enum class IpMode : std::uint8_t { full, truncate, hash, none };

/// An address as it is journaled: kind 0 none, 4 IPv4 in the first four bytes, 6 IPv6, 255 a keyed
/// hash.
struct StoredIp {
    std::uint8_t kind = 0;
    std::array<std::uint8_t, 16> bytes{};
};

/// A click as the redirect path hands it to the journal. Dictionary ids are those of the shard
/// (JournalShard::user_agent, ::referrer); 0 means absent or not kept.
struct Click {
    std::uint64_t link_id = 0;  ///< 0 for unknown codes
    std::int64_t time_ms = 0;   ///< since 1970
    ClickClass click_class = ClickClass::human;
    StoredIp ip;
    std::uint16_t user_agent = 0;
    std::uint16_t referrer = 0;
    std::uint8_t country = 0;  ///< country_code.hpp; 0: not known
};

/// 128 bits of a hash of a client's `event_id`; the key of deduplication. All zero: none was given.
struct EventKey {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend bool operator==(const EventKey&, const EventKey&) = default;
};

/// An ingested analytics event. Strings are at most event_string_bytes_max bytes; the journal cuts
/// what is longer, so whoever accepts events refuses it before.
struct Event {
    EventKey key;
    std::int64_t time_ms = 0;  ///< since 1970
    std::string_view type;
    std::string_view product;
    bool has_amount = false;
    std::int64_t amount_micros = 0;  ///< order_amount in millionths
};
inline constexpr std::size_t event_string_bytes_max = 255;

/// Totals of a link by class.
struct ClassTotals {
    std::array<std::uint64_t, click_class_count> by_class{};
    std::uint64_t sum() const {
        std::uint64_t total = 0;
        for (const auto count : by_class) total += count;
        return total;
    }
};

}  // namespace qck::clicks
