#include "services/cache/l1_cache.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "base/http/serializer.hpp"

namespace qck::cache {
namespace {

constexpr std::size_t table_slots_at_first = 1024;
constexpr std::size_t ghost_slots = 64 * 1024;
constexpr std::uint8_t hits_max = 3;
/// Share of the bytes for newcomers (the paper's 10 %).
constexpr std::size_t small_share = 10;

std::uint32_t fingerprint(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32) | 1U;
}

L1Entry* make_entry(std::string_view code, std::string_view head) {
    void* const memory = std::malloc(sizeof(L1Entry) + code.size() + head.size());
    if (memory == nullptr) throw std::bad_alloc();
    auto* const entry = new (memory) L1Entry;
    entry->code_bytes = static_cast<std::uint16_t>(code.size());
    entry->head_bytes = static_cast<std::uint32_t>(head.size());
    char* const text = reinterpret_cast<char*>(entry + 1);
    std::memcpy(text, code.data(), code.size());
    std::memcpy(text + code.size(), head.data(), head.size());
    return entry;
}

void free_entry(L1Entry* entry) { std::free(entry); }

/// Whatever was under way when this was learnt has come or never will.
constexpr std::int64_t tombstone_rules_ns = 600'000'000'000;

/// Whether a tombstone no longer keeps older versions out.
bool outlived(const L1Entry& known, std::int64_t now_ns) {
    return known.kind == L1Entry::Kind::absent && now_ns - known.version_at_ns > tombstone_rules_ns;
}

}  // namespace

std::string redirect_head(const links::Link& link) {
    std::string head = "HTTP/1.1 " + std::to_string(link.status) + " ";
    head += http::reason_phrase(link.status);
    head += "\r\nLocation: ";
    head += link.target;
    head += "\r\nCache-Control: ";
    if (link.max_age_s) {
        head += "public, max-age=" + std::to_string(*link.max_age_s);
    } else {
        // 301 and 308 would be kept for ever, and their clicks and edits lost, were nothing said.
        head += "no-cache";
    }
    head += "\r\nX-Robots-Tag: noindex\r\nContent-Length: 0\r\nDate: ";
    return head;
}

L1Cache::L1Cache(std::size_t bytes_max, std::uint64_t seed)
    : bytes_max_(bytes_max), seed_(seed), table_(table_slots_at_first), ghost_(ghost_slots) {}

L1Cache::~L1Cache() {
    for (L1Entry* const entry : table_) free_entry(entry);
}

std::uint64_t L1Cache::hash_of(std::string_view code) const {
    return XXH3_64bits_withSeed(code.data(), code.size(), seed_);
}

/// The slot of the code, or the free slot where it would go.
std::size_t L1Cache::slot_of(std::uint64_t hash, std::string_view code) const {
    const std::size_t mask = table_.size() - 1;
    std::size_t slot = hash & mask;
    while (table_[slot] != nullptr &&
           !(table_[slot]->hash == hash && table_[slot]->code() == code)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

const L1Entry* L1Cache::find(std::string_view code, std::int64_t now_ns) {
    L1Entry* const entry = entry_of(code);
    if (entry == nullptr || entry->stale_at_ns <= now_ns) return nullptr;
    if (entry->hits < hits_max) ++entry->hits;
    return entry;
}

const L1Entry* L1Cache::find_any(std::string_view code) const { return entry_of(code); }

bool L1Cache::put(const links::Link& link, std::int64_t loaded_at_ns) {
    L1Entry* const known = entry_of(link.code);
    if (known != nullptr && known->kind == L1Entry::Kind::link && known->version == link.version) {
        // Read again, and unchanged.
        known->loaded_at_ns = std::max(known->loaded_at_ns, loaded_at_ns);
        return true;
    }
    L1Entry* const entry = make_entry(link.code, redirect_head(link));
    entry->kind = L1Entry::Kind::link;
    entry->link_id = link.id;
    entry->version = link.version;
    entry->expires_at_ms = link.expires_at_ms.value_or(std::numeric_limits<std::int64_t>::max());
    entry->loaded_at_ns = loaded_at_ns;
    entry->stale_at_ns = std::numeric_limits<std::int64_t>::max();
    return insert(entry);
}

bool L1Cache::put_absent(std::string_view code, std::uint64_t version, std::int64_t loaded_at_ns,
                         std::int64_t stale_at_ns) {
    L1Entry* const known = entry_of(code);
    if (known != nullptr && known->kind == L1Entry::Kind::absent) {
        if (version > known->version ||
            (version < known->version && outlived(*known, loaded_at_ns))) {
            known->version = version;
            known->version_at_ns = loaded_at_ns;
        }
        known->loaded_at_ns = std::max(known->loaded_at_ns, loaded_at_ns);
        known->stale_at_ns = std::max(known->stale_at_ns, stale_at_ns);
        return true;
    }
    if (known != nullptr && version == 0) {
        // The link went, at a version that is not known: above the one that is here.
        if (known->loaded_at_ns >= loaded_at_ns) return false;
        version = known->version;
    }
    L1Entry* const entry = make_entry(code, {});
    entry->version = version;
    entry->version_at_ns = loaded_at_ns;
    entry->loaded_at_ns = loaded_at_ns;
    entry->stale_at_ns = stale_at_ns;
    return insert(entry);
}

bool L1Cache::drop(std::string_view code) {
    L1Entry* const entry = entry_of(code);
    if (entry == nullptr) return false;
    remove(*entry);
    return true;
}

std::vector<std::int64_t> L1Cache::load_times(std::size_t slots_max) const {
    std::vector<std::int64_t> times;
    const std::size_t stride = std::max<std::size_t>(1, table_.size() / slots_max);
    for (std::size_t slot = 0; slot < table_.size(); slot += stride) {
        const L1Entry* const entry = table_[slot];
        if (entry == nullptr || entry->kind != L1Entry::Kind::link) continue;
        times.push_back(entry->loaded_at_ns);
    }
    std::sort(times.begin(), times.end());
    return times;
}

void L1Cache::postpone_refresh(std::string_view code, std::int64_t refresh_at_ns) {
    if (L1Entry* const entry = entry_of(code)) entry->refresh_at_ns = refresh_at_ns;
}

void L1Cache::confirm(std::string_view code, std::int64_t then_ns) {
    L1Entry* const entry = entry_of(code);
    if (entry != nullptr) entry->loaded_at_ns = std::max(entry->loaded_at_ns, then_ns);
}

bool L1Cache::insert(L1Entry* entry) {
    entry->hash = hash_of(entry->code());
    if (L1Entry* const known = table_[slot_of(entry->hash, entry->code())]) {
        if (known->version > entry->version && !outlived(*known, entry->loaded_at_ns)) {
            free_entry(entry);
            return false;
        }
        entry->hits = known->hits;
        entry->in_main = known->in_main;
        remove(*known);
    } else {
        std::uint32_t& ghost = ghost_[entry->hash % ghost_slots];
        entry->in_main = ghost == fingerprint(entry->hash);
        if (entry->in_main) ghost = 0;
    }
    if (2 * (entries_ + 1) > table_.size()) grow();
    table_[slot_of(entry->hash, entry->code())] = entry;
    ++entries_;
    bytes_ += entry->bytes();
    entry->pinned = !pins_.empty() && pins_.contains(entry->code()) && may_be_pinned(*entry);
    push(queue_of(*entry), *entry);
    while (bytes_ > bytes_max_) evict();
    return true;
}

bool L1Cache::may_be_pinned(const L1Entry& entry) const {
    return entry.kind == L1Entry::Kind::link && pinned_.bytes + entry.bytes() <= bytes_max_ / 2;
}

bool L1Cache::pin(std::string_view code, PinReason reason) {
    auto pin = pins_.find(code);
    if (pin == pins_.end()) {
        if (pins_.size() >= pins_max) return false;
        pin = pins_.try_emplace(std::string(code)).first;
    }
    pin->second |= static_cast<std::uint8_t>(reason);
    L1Entry* const entry = entry_of(code);
    if (entry == nullptr || entry->pinned || entry->kind != L1Entry::Kind::link) return true;
    if (!may_be_pinned(*entry)) return false;
    unlink(*entry);
    entry->pinned = true;
    push(pinned_, *entry);
    return true;
}

void L1Cache::unpin(std::string_view code, PinReason reason) {
    const auto pin = pins_.find(code);
    if (pin == pins_.end()) return;
    pin->second &= static_cast<std::uint8_t>(~static_cast<unsigned>(reason));
    if (pin->second != 0) return;
    pins_.erase(pin);
    L1Entry* const entry = entry_of(code);
    if (entry == nullptr || !entry->pinned) return;
    unlink(*entry);
    entry->pinned = false;
    push(main_, *entry);
}

bool L1Cache::is_pinned(std::string_view code, PinReason reason) const {
    const auto pin = pins_.find(code);
    return pin != pins_.end() && (pin->second & static_cast<unsigned>(reason)) != 0;
}

void L1Cache::push(Queue& queue, L1Entry& entry) {
    entry.in_main = &queue != &small_;
    entry.newer = nullptr;
    entry.older = queue.newest;
    (queue.newest != nullptr ? queue.newest->newer : queue.oldest) = &entry;
    queue.newest = &entry;
    queue.bytes += entry.bytes();
    ++queue.entries;
}

void L1Cache::unlink(L1Entry& entry) {
    Queue& queue = queue_of(entry);
    (entry.newer != nullptr ? entry.newer->older : queue.newest) = entry.older;
    (entry.older != nullptr ? entry.older->newer : queue.oldest) = entry.newer;
    queue.bytes -= entry.bytes();
    --queue.entries;
}

void L1Cache::remove(L1Entry& entry) {
    unlink(entry);
    bytes_ -= entry.bytes();
    --entries_;
    const std::size_t mask = table_.size() - 1;
    std::size_t hole = slot_of(entry.hash, entry.code());
    free_entry(&entry);
    // Backward shift: whatever would no longer be found behind the hole moves into it.
    for (std::size_t next = (hole + 1) & mask; table_[next] != nullptr; next = (next + 1) & mask) {
        const std::size_t home = table_[next]->hash & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            table_[hole] = table_[next];
            hole = next;
        }
    }
    table_[hole] = nullptr;
}

void L1Cache::evict() {
    if (small_.oldest != nullptr &&
        (small_.bytes * small_share > bytes_max_ || main_.oldest == nullptr)) {
        evict_from_small();
    } else {
        evict_from_main();
    }
}

void L1Cache::evict_from_small() {
    L1Entry& entry = *small_.oldest;
    if (entry.hits > 1) {
        entry.hits = 0;
        unlink(entry);
        push(main_, entry);
        return;
    }
    ghost_[entry.hash % ghost_slots] = fingerprint(entry.hash);
    remove(entry);
}

void L1Cache::evict_from_main() {
    L1Entry& entry = *main_.oldest;
    if (entry.hits > 0) {
        --entry.hits;
        unlink(entry);
        push(main_, entry);
        return;
    }
    remove(entry);
}

void L1Cache::grow() {
    std::vector<L1Entry*> old(table_.size() * 2);
    old.swap(table_);
    for (L1Entry* const entry : old) {
        if (entry != nullptr) table_[slot_of(entry->hash, entry->code())] = entry;
    }
}

}  // namespace qck::cache
