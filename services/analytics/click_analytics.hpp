#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "services/analytics/visitor_counts.hpp"
#include "services/clicks/amount.hpp"
#include "services/clicks/click_counting.hpp"

namespace qck::analytics {

/// What GET /v1/links/{code}/stats says of a link.
struct LinkStats {
    std::uint64_t clicks = 0;  ///< all classes
    clicks::ClassTotals by_class;
    struct Hour {
        std::int64_t start_ms = 0;  ///< since 1970
        std::uint64_t clicks = 0;
        clicks::ClassTotals by_class;
    };
    std::vector<Hour> hours;  ///< ascending, those with clicks only; of this instance
    /// Whether `clicks` and `by_class` are of every instance; else a shared store was away, or
    /// there is none, and they are of this one. Never less than this one counted.
    bool of_all_instances = false;
    /// Of the last 7 days (UTC), today included; empty when nobody counts visitors, or the store
    /// that does is away.
    std::optional<Visitors> visitors;
    bool counts_visitors = false;
};

/// Counts of links by every instance: the port of shared stores. Blocking; thread-safe.
class SharedTotals {
public:
    virtual ~SharedTotals() = default;
    virtual Result<clicks::ClassTotals> link_totals(std::uint64_t link_id) = 0;
};

/// Events of one type in one hour, or over a span.
struct EventRow {
    std::string type;
    std::int64_t hour_ms = 0;  ///< start of the hour, since 1970; 0 when over the span
    std::uint64_t count = 0;
    /// How many of them had an order_amount; without any the figures below are 0. Sums are exact,
    /// the average is rounded to the millionth.
    std::uint64_t amounts = 0;
    clicks::Amount sum;
    clicks::Amount min;
    clicks::Amount max;
    clicks::Amount average;
};

enum class Granularity : std::uint8_t { hour, total };

struct EventQuery {
    std::string_view type;  ///< empty: every type
    std::int64_t since_ms = 0;
    std::int64_t until_ms = 0;  ///< not included; spans are widened to whole hours
    Granularity granularity = Granularity::hour;
};

/// Answers questions about counts, from the store and what is not flushed yet: a click is visible
/// about 0.1 s after its answer. Blocking; thread-safe.
class ClickAnalytics {
public:
    /// `shared` are asked in this order, until one answers; `visitors` may be null; all outlive it.
    explicit ClickAnalytics(clicks::ClickCounting& counting, std::vector<SharedTotals*> shared = {},
                            VisitorCounts* visitors = nullptr)
        : counting_(counting), shared_(std::move(shared)), visitors_(visitors) {}

    /// Hours of the last `hours_max` hours before `now_ms`.
    Result<LinkStats> link_stats(std::uint64_t link_id, std::int64_t now_ms,
                                 std::uint32_t hours_max = 24 * 7);
    /// By hour, then type; with Granularity::total one row a type.
    Result<std::vector<EventRow>> events(const EventQuery& query);

private:
    clicks::ClickCounting& counting_;
    std::vector<SharedTotals*> shared_;
    VisitorCounts* visitors_;
};

}  // namespace qck::analytics
