#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "services/clicks/classify.hpp"

namespace qck::clicks {

/// Small numbers for the strings that come again and again (user agents, referrers), so that a
/// click carries two bytes instead of a hundred. Bounded in entries and bytes, allocated once.
///
/// A full dictionary answers 0 until the next segment, and then begins anew: strings made up by
/// someone to fill it are forgotten, and those in use come back. Not thread-safe.
class StringDictionary {
public:
    static constexpr std::size_t entries_max = 4096;
    static constexpr std::size_t text_bytes_max = 512 * 1024;
    static constexpr std::size_t string_bytes_max = 255;

    StringDictionary();

    /// The id of `text` (cut at 255 bytes), new or known; 0 when empty or when there is no room.
    std::uint16_t find_or_add(std::string_view text) noexcept;
    /// As classify_agent() says of the string, found out once. Of id 0: of `text` itself, each
    /// time.
    AgentKind kind(std::uint16_t id, std::string_view text) noexcept;
    std::string_view text(std::uint16_t id) const noexcept;

    /// From here on strings count as not written; `mark` names the segment and is not 0.
    void begin_segment(std::uint32_t mark) noexcept;
    /// Whether the current segment still lacks the string of `id`.
    bool unwritten(std::uint16_t id) const noexcept {
        return written_in_[id % entries_max] != mark_;
    }
    void set_written(std::uint16_t id) noexcept { written_in_[id % entries_max] = mark_; }

private:
    struct Entry {
        std::uint32_t hash = 0;
        std::uint32_t offset = 0;
        std::uint8_t bytes = 0;
        std::uint8_t kind = 255;  ///< 255: not found out yet
    };

    std::uint16_t add(std::string_view text, std::uint32_t hash, std::size_t slot) noexcept;
    void clear() noexcept;

    std::vector<Entry> entries_;             ///< by id; 0 is not used
    std::vector<std::uint16_t> slots_;       ///< open addressing by hash, 0 is free
    std::vector<std::uint32_t> written_in_;  ///< by id
    std::unique_ptr<char[]> text_;           ///< of all entries
    std::uint32_t text_used_ = 0;
    std::uint16_t count_ = 0;
    std::uint16_t last_ = 0;  ///< the id found last: the same string often comes in a row
    std::uint32_t mark_ = 0;
    std::uint32_t full_in_ = 0;  ///< mark of the segment in which there was no room
};

}  // namespace qck::clicks
