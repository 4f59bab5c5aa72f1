#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "services/cache/link_source.hpp"
#include "services/stores/redis/protocol/command.hpp"

namespace qck::redis {

std::string link_key(std::string_view code);

/// Writes what a store said, unless something newer is there; a link that was pinned stays so.
/// Version 0 (never seen) is only written where there is nothing.
Command fill_command(std::string_view code, const cache::Known& known,
                     std::chrono::nanoseconds fetch_time, std::chrono::milliseconds ttl);

/// Writes a change that was committed, unless something newer is there, and tells every instance
/// of it. With `only_if_known`, only when somebody asked for the code lately. `db`, of this and of
/// all below: the database of the client that sends it.
Command change_command(std::string_view code, const cache::Known& known,
                       std::chrono::milliseconds ttl, bool only_if_known, std::uint32_t db);

/// What operators order for a code, of every instance: told on the invalidation channel as
/// `e CODE`, `p CODE` and `u CODE`.
enum class LinkOrder : char { evict = 'e', pin = 'p', unpin = 'u' };

/// Takes the value away and tells every instance. Its version stays for `mark_ttl` (for ever where
/// the link is pinned), so that no older value can take the place.
Command evict_command(std::string_view code, std::chrono::milliseconds mark_ttl, std::uint32_t db);
/// The link is there without an expiry, whatever is written later, until it is unpinned or removed.
/// A newer version that is there already stays.
Command pin_command(const links::Link& link, std::chrono::milliseconds ttl, std::uint32_t db);
/// From now on it expires after `ttl` again.
Command unpin_command(std::string_view code, std::chrono::milliseconds ttl, std::uint32_t db);

/// A link that is there lives for `ttl` from now on; one without an expiry stays as it is.
Command renew_command(std::string_view code, std::chrono::milliseconds ttl);

/// Whether a value is what evict_command left: as good as none.
bool is_eviction_mark(std::string_view value);

}  // namespace qck::redis
