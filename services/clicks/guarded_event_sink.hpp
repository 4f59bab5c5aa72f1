#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/circuit_log.hpp"
#include "base/clock.hpp"
#include "services/clicks/event_sink.hpp"

namespace qck::clicks {

/// An EventSink that is left alone while its breaker is open: what it is asked fails at once. A
/// question for rows may be the trial as well as an insert. Not thread-safe, as the sink behind it;
/// the breaker may be looked at by all.
class GuardedEventSink final : public EventSink {
public:
    /// `sink` outlives it. `now`: monotonic nanoseconds.
    GuardedEventSink(EventSink& sink, const CircuitBreaker::Config& config,
                     std::function<std::int64_t()> now = monotonic_ns)
        : sink_(sink), breaker_(config), now_(std::move(now)) {}

    std::string_view name() const override { return sink_.name(); }
    Result<void> send(const EventBatch& batch) override {
        if (!breaker_.allows(now_())) return left_alone();
        auto sent = sink_.send(batch);
        if (!sent) failed(sent.error());
        return sent;
    }
    Result<void> outcome() override { return noted(sink_.outcome()); }
    void prepare(const EventBatch& batch) override { sink_.prepare(batch); }
    Result<std::vector<EventId>> present(const EventBatch& batch) override {
        if (!breaker_.allows(now_())) return left_alone();
        return noted(sink_.present(batch));
    }

    const CircuitBreaker& breaker() const { return breaker_; }
    /// Somebody else found the sink to answer. Thread-safe.
    void may_be_well(std::int64_t now_ns) { breaker_.may_be_well(now_ns); }

private:
    template <class T>
    Result<T> noted(Result<T> result) {
        if (result) {
            succeeded(breaker_, rows());
        } else {
            failed(result.error());
        }
        return result;
    }
    void failed(const Error& why) {
        last_failure_ = why.message;
        qck::failed(breaker_, now_(), rows(), why);
    }
    CircuitUse rows() const { return {name(), "rows"}; }
    Error left_alone() const {
        return error(Errc::unavailable,
                     std::string(name()) +
                         " is left alone after failures, the last of them: " + last_failure_);
    }

    EventSink& sink_;
    CircuitBreaker breaker_;
    std::function<std::int64_t()> now_;
    std::string last_failure_;
};

}  // namespace qck::clicks
