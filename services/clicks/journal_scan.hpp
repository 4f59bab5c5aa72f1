#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/error.hpp"
#include "services/clicks/click.hpp"

namespace qck::clicks {

/// Calls `visit` for every event and edge click that came with a key, in every shard and epoch, the
/// oldest epoch first; segments without any are skipped at the price of one read. For rebuilding a
/// deduplication window at start, before appending. Damaged places are passed over (counting
/// reports them).
Result<void> scan_keys(const std::filesystem::path& data_directory,
                       const std::function<void(const EventKey& key, std::int64_t time_ms)>& visit);

}  // namespace qck::clicks
