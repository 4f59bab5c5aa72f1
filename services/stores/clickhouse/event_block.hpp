#pragma once

#include <string>
#include <string_view>

#include "services/clicks/event_sink.hpp"

namespace qck::clickhouse {

/// What event_blocks() are sent behind.
inline constexpr std::string_view insert_events =
    "INSERT INTO qck_analytics.link_events_local (node, shard, epoch, sequence, link_id, user_id, "
    "short_code, event_time, event_ms, ip_kind, ip, user_agent, referrer, country, region, city, "
    "device, browser, os, class, clicks) FORMAT Native";

/// The rows of a batch as columns of link_events_local (schema.hpp), in the order of its key, as
/// blocks of some ten thousands: a server reads those quicker than one large, and makes one of them
/// again before it stores it. Addresses are IPv6, or IPv4 mapped into it, but for hashes (ip_kind
/// 255), so that IPv6NumToString(ip) shows them. Pure.
std::string event_blocks(const clicks::EventBatch& batch);

}  // namespace qck::clickhouse
