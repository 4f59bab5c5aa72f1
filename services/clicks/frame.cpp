#include "services/clicks/frame.hpp"

#include <algorithm>
#include <atomic>

namespace qck::clicks {
namespace {

constexpr std::uint64_t time_mask = 0xFFFF'FFFF'FFFF;

[[gnu::always_inline]] inline void put_click(std::uint64_t* words, std::uint32_t index,
                                             const Click& click) noexcept {
    words[1] = click.link_id;
    words[2] = (static_cast<std::uint64_t>(click.time_ms) & time_mask) |
               std::uint64_t{click.ip.kind} << 48 | std::uint64_t{click.country} << 56;
    std::memcpy(words + 3, click.ip.bytes.data(), 16);
    words[5] = click.user_agent | std::uint64_t{click.referrer} << 16 | std::uint64_t{index} << 32;
}

[[gnu::always_inline]] inline std::size_t commit(std::uint64_t* words, std::uint32_t seed,
                                                 std::uint64_t kind, std::size_t bytes) noexcept {
    const std::uint64_t word = frame_commit(seed, kind, words, bytes);
    std::atomic_ref(words[0]).store(word, std::memory_order_release);
    return bytes;
}

std::uint8_t class_of(const Click& click) { return static_cast<std::uint8_t>(click.click_class); }

}  // namespace

std::size_t write_click(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                        const Click& click) noexcept {
    put_click(words, index, click);
    return commit(words, seed, frame_kind(FrameType::click, class_of(click), click_bytes),
                  click_bytes);
}

std::size_t write_edge_click(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                             const Click& click, const EventKey& key) noexcept {
    put_click(words, index, click);
    words[6] = key.high;
    words[7] = key.low;
    return commit(words, seed, frame_kind(FrameType::edge_click, class_of(click), edge_click_bytes),
                  edge_click_bytes);
}

std::size_t write_event(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                        const Event& event) noexcept {
    const std::string_view type = event.type.substr(0, event_string_bytes_max);
    const std::string_view product = event.product.substr(0, event_string_bytes_max);
    const std::size_t bytes = frame_round(event_bytes_min + type.size() + product.size());
    words[1] = event.key.high;
    words[2] = event.key.low;
    words[3] = (static_cast<std::uint64_t>(event.time_ms) & time_mask) |
               std::uint64_t{event.has_amount ? 1U : 0U} << 48;
    words[4] = static_cast<std::uint64_t>(event.has_amount ? event.amount_micros : 0);
    words[5] = type.size() | product.size() << 8 | std::uint64_t{index} << 32;
    auto* const text = reinterpret_cast<char*>(words + 6);
    std::copy(product.begin(), product.end(), std::copy(type.begin(), type.end(), text));
    return commit(words, seed, frame_kind(FrameType::event, 0, bytes), bytes);
}

std::size_t write_string(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                         FrameType type, std::uint16_t id, std::string_view text) noexcept {
    const std::size_t bytes = frame_round(string_bytes_min + text.size());
    words[1] = id | std::uint64_t{text.size()} << 16 | std::uint64_t{index} << 32;
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(words + 2));
    return commit(words, seed, frame_kind(type, 0, bytes), bytes);
}

std::size_t write_end(std::uint64_t* words, std::uint32_t seed, std::uint32_t index,
                      std::uint32_t keyed_records) noexcept {
    words[1] = keyed_records | std::uint64_t{index} << 32;
    return commit(words, seed, frame_kind(FrameType::end, 0, end_bytes), end_bytes);
}

bool plausible_frame(std::uint64_t word) {
    const auto type = static_cast<FrameType>(word >> 32 & 0xFF);
    const auto click_class = word >> 40 & 0xFF;
    const std::size_t bytes = word >> 48;
    switch (type) {
        case FrameType::click:
            return bytes == click_bytes && click_class < click_class_count;
        case FrameType::edge_click:
            return bytes == edge_click_bytes && click_class < click_class_count;
        case FrameType::event:
            return bytes >= event_bytes_min && bytes <= frame_bytes_max && bytes % frame_align == 0;
        case FrameType::user_agent:
        case FrameType::referrer:
            return bytes >= string_bytes_min && bytes <= string_bytes_min + 256 &&
                   bytes % frame_align == 0;
        case FrameType::end:
            return bytes == end_bytes;
        case FrameType::none:
            break;
    }
    return false;
}

Click Frame::click() const {
    Click click;
    click.link_id = word(1);
    click.time_ms = time_ms();
    click.click_class = static_cast<ClickClass>(click_class());
    click.ip.kind = static_cast<std::uint8_t>(word(2) >> 48);
    click.country = static_cast<std::uint8_t>(word(2) >> 56);
    std::memcpy(click.ip.bytes.data(), at + 24, 16);
    click.user_agent = static_cast<std::uint16_t>(word(5));
    click.referrer = static_cast<std::uint16_t>(word(5) >> 16);
    return click;
}

Event Frame::event() const {
    Event event;
    event.key = key();
    event.time_ms = time_ms();
    event.has_amount = (word(3) >> 48 & 1) != 0;
    event.amount_micros = static_cast<std::int64_t>(word(4));
    const std::size_t type_bytes = word(5) & 0xFF;
    const std::size_t product_bytes = word(5) >> 8 & 0xFF;
    const auto* const text = reinterpret_cast<const char*>(at + 48);
    event.type = {text, type_bytes};
    event.product = {text + type_bytes, product_bytes};
    return event;
}

}  // namespace qck::clicks
