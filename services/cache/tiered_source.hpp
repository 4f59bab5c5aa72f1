#pragma once

#include <string>

#include "base/circuit_breaker.hpp"
#include "base/counter.hpp"
#include "services/cache/link_source.hpp"
#include "services/cache/shared_link_cache.hpp"

namespace qck::cache {

/// Which level answered. One writer, any reader.
struct TierCounters {
    Counter shared_hits;
    Counter shared_misses;
    Counter shared_failures;  ///< the shared cache did not answer: the store was asked
    Counter early_refreshes;
};

/// Asks the shared cache (L2), and the store (L3) when that has nothing or does not answer; what
/// the store says is filled into the shared cache. Belongs to the reactor's thread, but for
/// counters().
class TieredSource final : public LinkSource {
public:
    /// All outlive it. While `breaker` is open the shared cache is not asked.
    TieredSource(SharedLinkCache& shared, LinkSource& store, CircuitBreaker& breaker)
        : shared_(shared), store_(store), breaker_(breaker) {}

    bool find(const std::string& code, Done done) override;
    const TierCounters& counters() const { return counters_; }

private:
    bool ask_store(const std::string& code, Done done);

    SharedLinkCache& shared_;
    LinkSource& store_;
    CircuitBreaker& breaker_;
    TierCounters counters_;
};

}  // namespace qck::cache
