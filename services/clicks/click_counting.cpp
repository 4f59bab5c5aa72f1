#include "services/clicks/click_counting.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/clock.hpp"
#include "services/clicks/counting_loop.hpp"

namespace qck::clicks {
namespace {

/// A reader and a flush that meet are told apart by the store's revision; meeting this often in a
/// row means that something else is wrong.
constexpr int attempts_max = 10;

using Unflushed = ClickCounting::Unflushed;

}  // namespace

ClickCounting::ClickCounting(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
ClickCounting::~ClickCounting() = default;

Result<std::unique_ptr<ClickCounting>> ClickCounting::start(Journal& journal, ClickStore& store,
                                                            const CountingConfig& config) {
    auto loop = std::make_unique<Loop>(journal, store, config);
    loop->start();
    return std::unique_ptr<ClickCounting>(new ClickCounting(std::move(loop)));
}

void ClickCounting::stop(std::chrono::milliseconds deadline) { loop_->stop(deadline); }

bool ClickCounting::flush(std::chrono::milliseconds deadline) { return loop_->flush(deadline); }

CountingFigures ClickCounting::figures() const { return loop_->figures(); }

/// Reads the store and what it lacks so that nothing is missed and nothing counts twice: what is in
/// flight counts only when the store, as it was read, did not have it.
template <class Value>
Result<Value> ClickCounting::consistent(const std::function<Unflushed()>& unflushed,
                                        const std::function<Result<Reading<Value>>()>& read,
                                        const std::function<void(Value&, const Unflushed&)>& add) {
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        Unflushed more = unflushed();
        auto stored = read();
        if (!stored) return stored.error();
        if (more.prepared && stored->revision != more.revision) {
            if (!more.in_flight || stored->revision != more.revision + 1) continue;
            more.flight_clicks.clear();
            more.flight_events.clear();
        }
        add(stored->value, more);
        return std::move(stored->value);
    }
    return error(Errc::unavailable, "counts change too fast to be read; try again");
}

Result<ClassTotals> ClickCounting::link_totals(std::uint64_t link_id) {
    return consistent<ClassTotals>(
        [&] { return loop_->unflushed_clicks(link_id); },
        [&] { return loop_->store().link_totals(link_id); },
        [](ClassTotals& totals, const Unflushed& more) {
            for (const auto* counts : {&more.flight_clicks, &more.clicks}) {
                for (const auto& count : *counts) {
                    totals.by_class[static_cast<std::size_t>(count.click_class)] += count.count;
                }
            }
        });
}

Result<std::vector<HourCount>> ClickCounting::link_hours(std::uint64_t link_id,
                                                         std::uint32_t since_hour,
                                                         std::uint32_t until_hour) {
    const auto add = [&](std::vector<HourCount>& hours, const Unflushed& more) {
        std::map<std::uint32_t, ClassTotals> by_hour;
        for (const auto& hour : hours) by_hour[hour.hour] = hour.clicks;
        for (const auto* counts : {&more.flight_clicks, &more.clicks}) {
            for (const auto& count : *counts) {
                if (count.hour < since_hour || count.hour >= until_hour) continue;
                by_hour[count.hour].by_class[static_cast<std::size_t>(count.click_class)] +=
                    count.count;
            }
        }
        hours.clear();
        for (const auto& [hour, clicks] : by_hour) hours.push_back({hour, clicks});
    };
    return consistent<std::vector<HourCount>>(
        [&] { return loop_->unflushed_clicks(link_id); },
        [&] { return loop_->store().link_hours(link_id, since_hour, until_hour); }, add);
}

Result<std::vector<EventCount>> ClickCounting::event_hours(std::string_view type,
                                                           std::uint32_t since_hour,
                                                           std::uint32_t until_hour) {
    const auto add = [&](std::vector<EventCount>& rows, const Unflushed& more) {
        std::map<std::pair<std::uint32_t, std::string>, EventCount> by_key;
        const auto take = [&](const EventCount& row) {
            const bool wanted = row.hour >= since_hour && row.hour < until_hour &&
                                (type.empty() || row.type == type);
            if (!wanted) return;
            auto [at, fresh] = by_key.try_emplace({row.hour, row.type}, row);
            if (!fresh) add_event_count(at->second, row);
        };
        for (const auto* counts : {&std::as_const(rows), &more.flight_events, &more.events}) {
            for (const auto& row : *counts) take(row);
        }
        rows.clear();
        for (auto& [key, row] : by_key) rows.push_back(std::move(row));
    };
    return consistent<std::vector<EventCount>>(
        [&] { return loop_->unflushed_events(); },
        [&] { return loop_->store().event_hours(type, since_hour, until_hour); }, add);
}

Unflushed ClickCounting::Loop::unflushed_clicks(std::uint64_t link_id) const {
    const std::lock_guard lock(counts_mutex_);
    Unflushed more;
    more.prepared = serving_;
    more.revision = revision_;
    more.in_flight = flight_.has_value();
    more.clicks = fold_.clicks().of_link(link_id);
    if (flight_) {
        const auto by_link = [](const ClickCount& count, std::uint64_t id) {
            return count.link_id < id;
        };
        auto at =
            std::lower_bound(flight_->clicks.begin(), flight_->clicks.end(), link_id, by_link);
        for (; at != flight_->clicks.end() && at->link_id == link_id; ++at) {
            more.flight_clicks.push_back(*at);
        }
    }
    return more;
}

Unflushed ClickCounting::Loop::unflushed_events() const {
    const std::lock_guard lock(counts_mutex_);
    Unflushed more;
    more.prepared = serving_;
    more.revision = revision_;
    more.in_flight = flight_.has_value();
    more.events = fold_.events();
    if (flight_) more.flight_events = flight_->events;
    return more;
}

CountingFigures ClickCounting::Loop::figures() const {
    CountingFigures figures;
    figures.journal_bytes = journal_bytes_;
    figures.segments = segments_;
    for (std::uint16_t shard = 0; shard < journal_.shards(); ++shard) {
        const auto& of = journal_.shard(shard);
        figures.appended += of.appended_records();
        figures.refused += of.refused();
        figures.uncounted += of.uncounted();
    }
    figures.counted = counted_;
    const std::uint64_t flushed = flushed_records_;
    figures.lag_records = figures.appended - std::min(figures.appended, flushed);
    if (figures.lag_records > 0) {
        figures.lag_seconds = static_cast<double>(monotonic_ns() - all_flushed_ns_) / 1e9;
    }
    figures.corrupt_places = damage_.places();
    figures.corrupt_bytes = damage_.bytes();
    figures.read_failures = read_failures_;
    figures.flushes = flushes_;
    figures.flush_failures = flush_failures_;
    figures.checkpoints = checkpoints_;
    return figures;
}

}  // namespace qck::clicks
