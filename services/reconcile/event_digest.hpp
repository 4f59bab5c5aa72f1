#pragma once

#include <cstdint>

#include "services/clicks/event_sink.hpp"

namespace qck::reconcile {

/// What a set of clicks comes to, in the journal and in a store of rows alike: equal sets have
/// equal digests, and sets that differ have different ones, but for one chance in 2^64. A row that
/// is missing while another is there twice shows in the hash, though the counts are equal.
struct EventDigest {
    std::uint64_t clicks = 0;
    std::uint64_t hash = 0;  ///< sum of event_hash(), modulo 2^64

    void add(std::uint64_t event_hash) {
        ++clicks;
        hash += event_hash;
    }
    void add(const EventDigest& more) {
        clicks += more.clicks;
        hash += more.hash;
    }
    friend bool operator==(const EventDigest&, const EventDigest&) = default;
};

/// `intHash64(x)` of ClickHouse, the same in 18.16 and today: the finalizer of MurmurHash3 after a
/// constant.
constexpr std::uint64_t int_hash_64(std::uint64_t x) {
    x ^= 0x4CF2D2BAAE6DA887;
    x ^= x >> 33;
    x *= 0xFF51AFD7ED558CCD;
    x ^= x >> 33;
    x *= 0xC4CEB9FE1A85EC53;
    x ^= x >> 33;
    return x;
}

/// The part of event_hash() that is the same for a whole epoch of a shard. `node_hash` is
/// int_hash_64(node). In SQL: intHash64(node_hash + toUInt64(epoch) * 65536 + shard).
constexpr std::uint64_t epoch_hash(std::uint64_t node_hash, std::uint16_t shard,
                                   std::uint32_t epoch) {
    return int_hash_64(node_hash + std::uint64_t{epoch} * 65536 + shard);
}
/// Of a click's event id. In SQL: intHash64(epoch_hash + sequence).
constexpr std::uint64_t event_hash(std::uint64_t epoch_hash, std::uint64_t sequence) {
    return int_hash_64(epoch_hash + sequence);
}

}  // namespace qck::reconcile
