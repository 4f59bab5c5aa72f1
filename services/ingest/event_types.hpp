#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace qck::ingest {

/// The event types that came within the current hour, so that a client that makes one up for each
/// event does not fill the hourly aggregates. A type that stays out may come again in the next
/// hour. Not thread-safe.
class EventTypes {
public:
    explicit EventTypes(std::size_t types_max) : types_max_(types_max) {}

    /// Whether `type` is one of the first `types_max` of the hour that `now_ms` (since 1970) is in.
    bool admit(std::string_view type, std::int64_t now_ms);
    std::size_t types_max() const { return types_max_; }

private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    std::size_t types_max_;
    std::int64_t hour_ = -1;
    std::unordered_set<std::string, Hash, std::equal_to<>> types_;
};

}  // namespace qck::ingest
