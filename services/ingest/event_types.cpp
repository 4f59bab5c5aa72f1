#include "services/ingest/event_types.hpp"

namespace qck::ingest {

bool EventTypes::admit(std::string_view type, std::int64_t now_ms) {
    constexpr std::int64_t hour_ms = std::int64_t{3'600} * 1000;
    if (const std::int64_t hour = now_ms / hour_ms; hour != hour_) {
        hour_ = hour;
        types_.clear();
    }
    if (types_.find(type) != types_.end()) return true;
    if (types_.size() >= types_max_) return false;
    types_.emplace(type);
    return true;
}

}  // namespace qck::ingest
