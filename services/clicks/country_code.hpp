#pragma once

#include <cstdint>
#include <string_view>

namespace qck::clicks {

/// A country as one byte of a click: its place in the sorted list of the 249 codes of ISO 3166-1
/// alpha-2, from 1; 0: unknown. What is added to the list later goes to its end: bytes are stored.
/// `T1` (Tor) and `XX` of CF-IPCountry are 0. Case does not matter. Pure, allocates nothing.
std::uint8_t country_code(std::string_view text) noexcept;

/// `DE`; empty for 0 and for bytes that are none.
std::string_view country_name(std::uint8_t code) noexcept;

}  // namespace qck::clicks
