#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "services/clicks/click_store.hpp"
#include "services/clicks/delivery_state.hpp"

namespace qck::clicks {

/// About how many clicks lie in a stretch of a shard's journal: its bytes by those of a plain
/// click. Other frames count, too, so there are rarely more clicks and mostly a few less. 0 only
/// when the stretch is empty. Reads sizes of files where it begins in an earlier epoch; those of
/// segments that are gone count nothing.
std::uint64_t about_clicks(const std::filesystem::path& journal, std::uint64_t segment_bytes,
                           const Stretch& stretch);

/// The same of all that is deferred; what several links are owed of one stretch counts once.
std::uint64_t about_clicks(const std::filesystem::path& journal, std::uint64_t segment_bytes,
                           std::span<const DeferredStretch> deferred);

}  // namespace qck::clicks
