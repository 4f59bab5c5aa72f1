#include "services/ingest/recent_keys.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace qck::ingest {
namespace {

constexpr std::size_t slots_min = 1024;

clicks::EventKey hash_under(const std::array<std::uint8_t, 192>& secret, std::string_view text) {
    const XXH128_hash_t hash =
        XXH3_128bits_withSecret(text.data(), text.size(), secret.data(), secret.size());
    clicks::EventKey key{hash.high64, hash.low64};
    // All zero means "no key"; the id that hashes to it may as well have this one.
    if (key == clicks::EventKey{}) key.low = 1;
    return key;
}

std::size_t slots_for(std::size_t keys) { return keys + keys / 3 + 1; }

}  // namespace

KeyHasher::KeyHasher(const std::array<std::uint8_t, 16>& secret) {
    // The secrets of the two namespaces differ by one byte of their seed.
    std::array<std::uint8_t, 17> seed{};
    std::copy(secret.begin(), secret.end(), seed.begin());
    XXH3_generateSecret(events_.data(), events_.size(), seed.data(), seed.size());
    seed.back() = 1;
    XXH3_generateSecret(clicks_.data(), clicks_.size(), seed.data(), seed.size());
}

clicks::EventKey KeyHasher::event_key(std::string_view event_id) const {
    return hash_under(events_, event_id);
}

clicks::EventKey KeyHasher::click_key(std::string_view event_id) const {
    return hash_under(clicks_, event_id);
}

bool RecentKeys::Generation::has(const clicks::EventKey& key) const {
    return !slots.empty() && slots[find(key)] == key;
}

std::size_t RecentKeys::Generation::find(const clicks::EventKey& key) const {
    // The upper 64 bits, scaled to the number of slots (Lemire 2016): any size, no division.
    __extension__ using Wide = unsigned __int128;
    auto at = static_cast<std::size_t>((static_cast<Wide>(key.high) * slots.size()) >> 64U);
    while (!(slots[at] == clicks::EventKey{}) && !(slots[at] == key)) {
        if (++at == slots.size()) at = 0;
    }
    return at;
}

void RecentKeys::Generation::grow(std::size_t slot_count) {
    std::vector<clicks::EventKey> old(slot_count);
    old.swap(slots);
    for (const clicks::EventKey& key : old) {
        if (!(key == clicks::EventKey{})) slots[find(key)] = key;
    }
}

RecentKeys::RecentKeys(std::size_t keys_max) : keys_max_(std::max<std::size_t>(keys_max, 1)) {}

void RecentKeys::reserve(std::size_t keys) {
    if (younger_.used >= keys_max_) {
        elder_ = std::move(younger_);
        younger_ = {};
    }
    const std::size_t wanted = slots_for(younger_.used + keys);
    if (wanted <= younger_.slots.size()) return;
    const std::size_t doubled = std::min(younger_.slots.size() * 2, slots_for(keys_max_));
    younger_.grow(std::max({wanted, doubled, slots_min}));
}

bool RecentKeys::insert(const clicks::EventKey& key) {
    if (elder_.has(key)) return false;
    const std::size_t at = younger_.find(key);
    if (younger_.slots[at] == key) return false;
    younger_.slots[at] = key;
    ++younger_.used;
    return true;
}

}  // namespace qck::ingest
