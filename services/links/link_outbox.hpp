#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/links/link.hpp"

namespace qck::links {

/// A code whose change was committed, and that the shared cache may not have been told of.
struct NotedChange {
    std::string code;
    std::uint64_t version = 0;         ///< of its last change that was noted
    std::optional<Link> link;          ///< as it is now
    std::uint64_t absent_version = 0;  ///< without a link: of its tombstone
};

struct VersionOfCode {
    std::string code;
    std::uint64_t version = 0;
};

/// Changes that a store notes in the transaction that makes them, one row a code: edits, removals,
/// and creations of codes that were removed before. What is noted is told to the shared cache and
/// then forgotten, by whoever comes to it, so that no change is lost with the instance that made
/// it. Fresh codes are not noted: nothing older of them can be anywhere. Blocking; thread-safe.
class LinkOutbox {
public:
    virtual ~LinkOutbox() = default;
    /// Those that were noted at least so long ago, oldest first, with what their codes are now.
    virtual Result<std::vector<NotedChange>> noted(std::chrono::milliseconds age,
                                                   std::size_t limit) = 0;
    /// The shared cache has these versions, or newer ones; what was noted since stays.
    virtual Result<void> forget(std::span<const VersionOfCode> told) = 0;
};

}  // namespace qck::links
