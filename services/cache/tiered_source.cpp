#include "services/cache/tiered_source.hpp"

#include <chrono>
#include <utility>

#include "base/circuit_log.hpp"
#include "base/clock.hpp"

namespace qck::cache {

bool TieredSource::find(const std::string& code, Done done) {
    if (!breaker_.allows(monotonic_ns())) {
        counters_.shared_failures.add();
        return ask_store(code, std::move(done));
    }
    shared_.find(code, [this, code, done = std::move(done)](const auto& found) {
        constexpr CircuitUse lookups{"redis", "lookups"};
        if (found) {
            succeeded(breaker_, lookups);
        } else {
            failed(breaker_, monotonic_ns(), lookups, found.error());
        }
        if (found && *found) {
            counters_.shared_hits.add();
            done((*found)->known);
            if (!(*found)->refresh_early) return;
            counters_.early_refreshes.add();
            ask_store(code, [](const Result<Known>&) {});
            return;
        }
        (found ? counters_.shared_misses : counters_.shared_failures).add();
        if (!ask_store(code, done)) {
            done(error(Errc::unavailable, "too many codes are being looked up"));
        }
    });
    return true;
}

bool TieredSource::ask_store(const std::string& code, Done done) {
    const std::int64_t begin_ns = monotonic_ns();
    return store_.find(code, [this, code, begin_ns, done = std::move(done)](const auto& known) {
        if (known && !breaker_.is_open()) {
            shared_.fill(code, *known, std::chrono::nanoseconds(monotonic_ns() - begin_ns));
        }
        done(known);
    });
}

}  // namespace qck::cache
