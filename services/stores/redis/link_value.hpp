#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "services/cache/link_source.hpp"

namespace qck::redis {

/// What `link:{code}` holds:
///
///     VERSION L id status max_age expires_at_ms created_at_ms updated_at_ms stored_at_ms
///               fetch_us ttl_ms target
///     VERSION A stored_at_ms fetch_us ttl_ms
///     VERSION E
///
/// separated by single spaces, `-` for what is not set. The version comes first so that scripts
/// can order values; A is a tombstone, or version 0 for a code that was never seen; E
/// was evicted (link_scripts.hpp), and is not read as a value.
struct LinkValue {
    cache::Known known;
    std::int64_t stored_at_ms = 0;
    std::chrono::microseconds fetch_time{0};  ///< what the store took to answer
    std::chrono::milliseconds ttl{0};
};

std::uint64_t version_of(const cache::Known& known);
std::string encode_link_value(const LinkValue& value);
/// Errc::corrupt when it is none. `code` becomes the link's.
Result<LinkValue> decode_link_value(std::string_view text, std::string_view code);

}  // namespace qck::redis
