#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "services/links/link.hpp"

namespace qck::cache {

/// What is known of a code, by whoever was asked.
struct Known {
    std::optional<links::Link> link;
    /// Without a link: the version of its tombstone; 0 when none was ever seen.
    std::uint64_t absent_version = 0;
};

/// Where a reactor asks for what its L1 lacks. Belongs to the reactor's thread.
class LinkSource {
public:
    /// Called on the reactor's thread, never from within find().
    using Done = std::function<void(const Result<Known>&)>;

    virtual ~LinkSource() = default;
    /// False, and `done` is never called, when too many codes are being asked for.
    virtual bool find(const std::string& code, Done done) = 0;
};

}  // namespace qck::cache
