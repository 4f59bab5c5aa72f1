#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace qck::commands {

/// Codes of one request to the cache, and links that it may name.
inline constexpr std::size_t cache_codes_max = 1'000;
inline constexpr std::size_t cache_top_max = 100'000;

/// `{"codes": ["a", "b"]}`: 1 to cache_codes_max codes, each once. Errc::invalid_argument names
/// what is wrong.
Result<std::vector<std::string>> cache_codes_from_json(std::string_view body);

struct TopQuery {
    std::size_t links_max = 100;
    std::uint32_t hours = 1;
};
/// `n=100&span=1h|24h`. Errc::invalid_argument names what is wrong.
Result<TopQuery> read_top_query(std::string_view query);

/// `1h` or `24h`, in hours.
Result<std::uint32_t> parse_cache_span(std::string_view text);

}  // namespace qck::commands
