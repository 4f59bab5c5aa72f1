#pragma once

#include <string_view>

#include "services/clicks/event_sink.hpp"
#include "services/stores/clickhouse/native_block.hpp"

namespace qck::clickhouse {

/// What event_block() is sent behind.
inline constexpr std::string_view insert_events =
    "INSERT INTO qck_analytics.link_events_local (node, shard, epoch, sequence, link_id, user_id, "
    "short_code, event_time, event_ms, ip_kind, ip, user_agent, referrer, country, region, city, "
    "device, browser, os, class, clicks) FORMAT Native";

/// The rows of a batch as columns of link_events_local (schema.hpp). Addresses are IPv6, or IPv4
/// mapped into it, but for hashes (ip_kind 255), so that IPv6NumToString(ip) shows them. Pure.
NativeBlock event_block(const clicks::EventBatch& batch);

}  // namespace qck::clickhouse
