#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/error.hpp"
#include "services/cache/link_source.hpp"

namespace qck::cache {

/// The cache that instances share (L2): the port of it. Belongs to a reactor's thread.
///
/// Whatever is written carries its version, and never replaces a newer one or a tombstone.
class SharedLinkCache {
public:
    /// What the cache has of a code.
    struct Entry {
        Known known;
        /// Better fetched from the store now, by this asker, than by all askers when it expires
        /// (XFetch: Vattani et al., "Optimal probabilistic cache stampede prevention", VLDB 2015).
        bool refresh_early = false;
    };
    /// Without an entry: the cache has none. Called later, on the reactor's thread.
    using Found = std::function<void(const Result<std::optional<Entry>>&)>;

    virtual ~SharedLinkCache() = default;
    virtual void find(const std::string& code, Found found) = 0;
    /// What the store said after `fetch_time`. Forgotten when the cache cannot be reached.
    virtual void fill(const std::string& code, const Known& known,
                      std::chrono::nanoseconds fetch_time) = 0;
};

}  // namespace qck::cache
