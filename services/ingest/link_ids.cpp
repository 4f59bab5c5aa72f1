#include "services/ingest/link_ids.hpp"

namespace qck::ingest {

Result<KnownLink> LinkIds::find(std::string_view code, std::int64_t now_ns) {
    const auto known = entries_.find(code);
    if (known != entries_.end() && now_ns < known->second.good_until_ns) return known->second.link;
    const auto stored = store_.find(code);
    if (!stored) return stored.error();
    KnownLink link;
    if (*stored) link = {(*stored)->id, (*stored)->expires_at_ms};
    const Entry entry{link, now_ns + good_for_ns};
    if (known != entries_.end()) {
        known->second = entry;
    } else {
        // Entries live for a second, so to start afresh loses little.
        if (entries_.size() == entries_max) entries_.clear();
        entries_.emplace(code, entry);
    }
    return link;
}

}  // namespace qck::ingest
