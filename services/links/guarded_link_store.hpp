#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/circuit_log.hpp"
#include "base/clock.hpp"
#include "services/links/link_store.hpp"

namespace qck::links {

/// A LinkStore of which lookups fail at once while its breaker is open. Changes are passed on: who
/// makes them wants to know what became of them; and so are lists and counts, which a replica may
/// answer, whose health is another. A failure is what says that the store is out of reach, and
/// nothing else. Thread-safe, as the store behind it.
class GuardedLinkStore final : public LinkStore {
public:
    /// Both outlive it. `use` is what the breaker's log and metrics call it. `now`: monotonic
    /// nanoseconds.
    GuardedLinkStore(LinkStore& store, CircuitBreaker& breaker, CircuitUse use,
                     std::function<std::int64_t()> now = monotonic_ns)
        : store_(store), breaker_(breaker), use_(use), now_(std::move(now)) {}

    Result<std::optional<Link>> find(std::string_view code) override {
        return looked_up<std::optional<Link>>([&] { return store_.find(code); });
    }
    Result<std::vector<Link>> find_by_ids(std::span<const std::uint64_t> ids) override {
        return looked_up<std::vector<Link>>([&] { return store_.find_by_ids(ids); });
    }
    Result<std::vector<Link>> list(std::string_view after, std::size_t limit) override {
        return store_.list(after, limit);
    }
    Result<std::uint64_t> count() override { return store_.count(); }
    Result<std::vector<Result<Link>>> create(std::vector<Link> links) override {
        return store_.create(std::move(links));
    }
    Result<Link> update(std::string_view code, const LinkPatch& patch) override {
        return store_.update(code, patch);
    }
    Result<Link> remove(std::string_view code) override { return store_.remove(code); }

private:
    template <class T, class Ask>
    Result<T> looked_up(Ask ask) {
        if (!breaker_.allows(now_())) {
            return error(Errc::unavailable, "the store of links is left alone after failures");
        }
        Result<T> found = ask();
        if (found || !out_of_reach(found.error())) {
            succeeded(breaker_, use_);
        } else {
            failed(breaker_, now_(), use_, found.error());
        }
        return found;
    }
    static bool out_of_reach(const Error& why) {
        return why.code == Errc::unavailable || why.code == Errc::timed_out || why.code == Errc::io;
    }

    LinkStore& store_;
    CircuitBreaker& breaker_;
    const CircuitUse use_;
    std::function<std::int64_t()> now_;
};

}  // namespace qck::links
