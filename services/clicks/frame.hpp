#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "services/clicks/click.hpp"
#include "services/clicks/crc32c.hpp"

/// The bytes of a segment file: a header, then frames, each a multiple of 16 bytes and aligned
/// to 16. Little-endian. A frame's first word is its commit: it is stored last, and zero means that
/// nothing follows.
///
// clang-format off
///     word 0       crc32c 32 | type 8 | class 8 | bytes 16
///     click        link id | time_ms 48, ip kind 8, country 8 | ip | ip |
///                  user agent 16, referrer 16, index 32
///     edge_click   as click, then key high | key low
///     event        key high | key low | time_ms 48, has amount 8, 0 | amount micros |
///                  type bytes 8, product bytes 8, 0 16, index 32 | type, product, zeros
///     user_agent,  id 16, string bytes 16, index 32 | string, zeros
///     referrer
///     end          index 32 << 32 | keyed records
// clang-format on
///
/// `index` counts the records (clicks and events) of the segment; strings and the end carry the
/// index of the next one. The checksum covers everything but itself and begins with a seed of the
/// segment, so that bytes of another segment do not pass.
namespace qck::clicks {

static_assert(std::endian::native == std::endian::little, "the journal is little-endian");

enum class FrameType : std::uint8_t { none, click, edge_click, event, user_agent, referrer, end };

inline constexpr std::size_t frame_align = 16;
inline constexpr std::size_t click_bytes = 48;
inline constexpr std::size_t edge_click_bytes = 64;
inline constexpr std::size_t event_bytes_min = 48;
inline constexpr std::size_t string_bytes_min = 16;
inline constexpr std::size_t end_bytes = 16;
/// Index and keyed records in an end frame of whoever found the segment unfinished and had not
/// counted them.
inline constexpr std::uint32_t end_index_unknown = UINT32_MAX;
/// The largest: an event with two strings of 255 bytes.
inline constexpr std::size_t frame_bytes_max = 560;

constexpr std::size_t frame_round(std::size_t bytes) {
    return (bytes + frame_align - 1) & ~(frame_align - 1);
}

/// Word 0 but for the checksum.
constexpr std::uint64_t frame_kind(FrameType type, std::uint8_t click_class, std::size_t bytes) {
    return (std::uint64_t{static_cast<std::uint8_t>(type)} | std::uint64_t{click_class} << 8 |
            std::uint64_t{bytes} << 16)
           << 32;
}

/// Word 0 of a frame whose other words are in place at `words`.
inline std::uint64_t frame_commit(std::uint32_t seed, std::uint64_t kind,
                                  const std::uint64_t* words, std::size_t bytes) {
    // The kind goes through the seed: one step of the checksum less, and as strong.
    const std::uint32_t begin = seed ^ static_cast<std::uint32_t>(kind >> 32);
    return kind | crc32c_words(begin, words + 1, bytes / 8 - 1);
}

/// A frame in memory that was checked (or is about to be).
struct Frame {
    const std::byte* at;

    std::uint64_t word(std::size_t i) const {
        std::uint64_t value = 0;
        std::memcpy(&value, at + 8 * i, 8);
        return value;
    }
    FrameType type() const { return static_cast<FrameType>(at[4]); }
    std::uint8_t click_class() const { return static_cast<std::uint8_t>(at[5]); }
    std::size_t bytes() const {
        std::uint16_t value = 0;
        std::memcpy(&value, at + 6, 2);
        return value;
    }
    bool is_click() const { return type() == FrameType::click || type() == FrameType::edge_click; }
    bool is_record() const { return is_click() || type() == FrameType::event; }

    std::uint64_t link_id() const { return word(1); }
    std::int64_t time_ms() const {
        const std::uint64_t value = word(type() == FrameType::event ? 3 : 2);
        return static_cast<std::int64_t>(value & 0xFFFF'FFFF'FFFF);
    }
    EventKey key() const {
        const std::size_t first = type() == FrameType::event ? 1 : 6;
        return {word(first), word(first + 1)};
    }
    std::uint32_t index() const {
        const std::size_t holder = is_record() ? 5 : 1;
        return static_cast<std::uint32_t>(word(holder) >> 32);
    }

    /// A click with the dictionary ids of its segment.
    Click click() const;
    /// Views into the frame.
    Event event() const;
    /// Of user_agent and referrer frames.
    std::uint16_t string_id() const { return static_cast<std::uint16_t>(word(1)); }
    std::string_view string() const {
        return {reinterpret_cast<const char*>(at + 16), (word(1) >> 16) & 0xFFFF};
    }
    std::uint32_t keyed_records() const { return static_cast<std::uint32_t>(word(1)); }
};

/// Whether word 0 could begin a frame: a known type and a size that type may have.
bool plausible_frame(std::uint64_t word);
/// Whether the checksum holds; the frame is plausible and all of its bytes are there.
inline bool intact_frame(const Frame& frame, std::uint32_t seed) {
    const std::uint64_t word = frame.word(0);
    const std::uint32_t begin = seed ^ static_cast<std::uint32_t>(word >> 32);
    return crc32c_words(begin, reinterpret_cast<const std::uint64_t*>(frame.at) + 1,
                        frame.bytes() / 8 - 1) == static_cast<std::uint32_t>(word);
}

/// Calls `visit(Frame)` for each frame of `run`, which were checked.
template <class Visit>
void for_each_frame(std::span<const std::byte> run, Visit&& visit) {
    for (std::size_t at = 0; at < run.size();) {
        const Frame frame{run.data() + at};
        visit(frame);
        at += frame.bytes();
    }
}

/// Writers of frames at `words`, which are zero and large enough. Each returns what the frame
/// takes, committed by a release store of word 0.
std::size_t write_click(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                        const Click& click) noexcept;
std::size_t write_edge_click(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                             const Click& click, const EventKey& key) noexcept;
std::size_t write_event(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                        const Event& event) noexcept;
std::size_t write_string(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                         FrameType type, std::uint16_t id, std::string_view text) noexcept;
std::size_t write_end(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                      std::uint32_t keyed_records) noexcept;

}  // namespace qck::clicks
