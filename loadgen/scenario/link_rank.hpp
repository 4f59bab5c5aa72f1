#pragma once

#include <cstdint>

namespace qck::scenario {

// Which link a request asks for: the rank of a tail link from 1, or one of these.

inline constexpr std::uint32_t link_hot = 0;
inline constexpr std::uint32_t link_unknown = 0xffff'ffff;  ///< a code that is nobody's
inline constexpr std::uint32_t link_none = 0xffff'fffe;     ///< the path has no `{link}`

}  // namespace qck::scenario
