#pragma once

#include <cstdint>
#include <string>

#include "services/stores/redis/protocol/key_slot.hpp"

namespace qck::redis {

/// Keys of a link's counts. The braces are part of the key: a hash tag, so that all of a link's
/// keys share a slot of a cluster.
inline std::string clicks_key(std::uint64_t link_id) {
    return "clicks:{" + std::to_string(link_id) + "}";
}
/// Clicks that became visible in one second (since 1970); lives for 60 s.
inline std::string clicks_second_key(std::uint64_t link_id, std::int64_t second) {
    return clicks_key(link_id) + ":" + std::to_string(second);
}
/// Hash of producer totals; fields are `<node, 16 hex digits>.<shard>.<class>`.
inline std::string clicks_by_key(std::uint64_t link_id) { return clicks_key(link_id) + ":by"; }
/// HyperLogLog of the visitors of a day (UTC, as the number 20261122).
inline std::string uniques_key(std::uint64_t link_id, std::uint32_t yyyymmdd) {
    return "uniq:{" + std::to_string(link_id) + "}:" + std::to_string(yyyymmdd);
}

/// Says by its value whether the keys of a server are still those of before.
inline std::string run_key() { return "qck:run"; }
/// In a cluster: of the master that has the slot.
inline std::string run_key(std::uint16_t slot) {
    return "qck:run:{" + std::to_string(tag_of_slot(slot)) + "}";
}

}  // namespace qck::redis
