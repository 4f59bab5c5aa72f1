// What `qck reconcile` asks of the deliveries.
#include <algorithm>
#include <iterator>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "cli/commands/deliveries.hpp"
#include "cli/commands/row_delivery.hpp"
#include "services/reconcile/weights.hpp"
#include "services/stores/redis/second_keys.hpp"

namespace qck::commands {
namespace {

using namespace std::chrono_literals;

constexpr auto poll = 5ms;
constexpr std::size_t links_in_a_step = 5'000;
constexpr std::size_t weights_in_a_batch = 100'000;
/// Keys of the last seconds show what goes on.
constexpr std::int64_t seconds_kept = 10;

std::int64_t deadline_of(std::chrono::milliseconds span) {
    return monotonic_ns() + std::chrono::nanoseconds(span).count();
}

std::chrono::milliseconds left_until(std::int64_t by_ns) {
    const std::int64_t left_ns = std::max<std::int64_t>(by_ns - monotonic_ns(), 0);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(left_ns));
}

void merge(std::vector<reconcile::HeldBack>& held, std::string_view store,
           std::vector<std::uint64_t> links) {
    auto of_store = std::find_if(held.begin(), held.end(),
                                 [&](const auto& each) { return each.store == store; });
    if (of_store == held.end()) {
        of_store = held.insert(held.end(), {std::string(store), {}});
    }
    auto& all = of_store->links;
    all.insert(all.end(), links.begin(), links.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
}

std::vector<clicks::LinkTotals> by_link(std::span<const clicks::ProducerTotal> rows,
                                        std::span<const std::uint64_t> links) {
    std::vector<clicks::LinkTotals> totals;
    auto row = rows.begin();
    for (const std::uint64_t link : links) {  // those without a click, too
        clicks::LinkTotals& of_link = totals.emplace_back();
        of_link.link_id = link;
        for (; row != rows.end() && row->link_id == link; ++row) {
            if (row->total > 0) of_link.parts.push_back({row->shard, row->click_class, row->total});
        }
    }
    return totals;
}

}  // namespace

/// Waits until `done` comes true.
Result<void> Deliveries::await(std::int64_t by_ns, std::string_view store,
                               const std::function<bool()>& done,
                               const std::function<bool()>& abandoned) const {
    const auto say = [this](std::optional<Awaited> awaited) {
        const std::lock_guard lock(awaited_mutex_);
        awaited_ = std::move(awaited);
    };
    if (done()) return {};
    say(Awaited{std::string(store), by_ns});
    Result<void> outcome;
    while (outcome && !done()) {
        if (given_up()) {
            outcome = error(Errc::unavailable, "the service stops");
        } else if (abandoned && abandoned()) {
            outcome = error(Errc::unavailable, "the comparison was given up");
        } else if (monotonic_ns() > by_ns) {
            outcome = not_taken(store);
        } else {
            std::this_thread::sleep_for(poll);
        }
    }
    say({});
    return outcome;
}

DeliveryStatus Deliveries::status_of(std::string_view store) const {
    for (const DeliveryStatus& one : status()) {
        if (one.store == store) return one;
    }
    return {};
}

Error Deliveries::not_taken(std::string_view store) const {
    const DeliveryStatus status = status_of(store);
    std::string text = std::string(store) + " has not taken what was counted";
    if (status.pending > 0) {
        text += std::string(status.of_clicks ? " (clicks" : " (links") +
                " missing: " + format_count(status.pending) + ")";
    }
    if (!status.away.empty()) text += ": " + status.away;
    return error(Errc::timed_out, std::move(text));
}

std::optional<Deliveries::Settling> Deliveries::settling() const {
    std::optional<Awaited> awaited;
    {
        const std::lock_guard lock(awaited_mutex_);
        awaited = awaited_;
    }
    if (!awaited) return std::nullopt;
    return Settling{awaited->store, left_until(awaited->by_ns), status_of(awaited->store)};
}

/// What is kept from stores at this moment. What is owed though nothing forbids it was forbidden
/// until now; before a store was `settled` it may just not have had its turn.
void Deliveries::add_held_back(std::vector<reconcile::HeldBack>& held, bool settled) const {
    for (const auto& totals : totals_) {
        if (totals->sink.get() != postgres_ || !postgres_suppressed_) continue;
        auto owed = totals->delivery->held_back();
        if (!settled) {
            std::erase_if(owed, [&](std::uint64_t link) { return !postgres_suppressed_(link); });
        }
        merge(held, totals->sink->name(), std::move(owed));
    }
    if (clickhouse_rows_ == nullptr) return;
    merge(held, event_sink_->name(), clickhouse_rows_->delivery->held_back());
    if (deferred_links_) merge(held, event_sink_->name(), deferred_links_());
}

Result<std::vector<reconcile::HeldBack>> Deliveries::settle(
    const std::vector<clicks::ProducerCursor>& until, std::chrono::milliseconds deadline,
    const std::function<bool()>& abandoned) {
    const std::int64_t by_ns = deadline_of(deadline);
    std::vector<reconcile::HeldBack> held;
    add_held_back(held, false);
    for (const auto& totals : totals_) {
        const auto done = [&] { return totals->delivery->delivered_until(until); };
        auto took = await(by_ns, totals->sink->name(), done, abandoned);
        if (!took) return took.error();
    }
    for (const auto& rows : rows_) {
        const auto done = [&] { return rows->delivery->delivered_until(until); };
        auto took = await(by_ns, rows->sink.name(), done, abandoned);
        if (!took) return took.error();
    }
    if (clickhouse_rows_ != nullptr) {
        // Rows of bursts that are over are on their way.
        const auto shipped = [&] {
            const auto owed = clickhouse_rows_->delivery->held_back();
            auto wait = deferred_links_ ? deferred_links_() : std::vector<std::uint64_t>();
            std::sort(wait.begin(), wait.end());
            return std::includes(wait.begin(), wait.end(), owed.begin(), owed.end());
        };
        auto took = await(by_ns, event_sink_->name(), shipped, abandoned);
        if (!took) return took.error();
    }
    add_held_back(held, true);
    return held;
}

Result<void> Deliveries::resend_rows(std::chrono::milliseconds deadline) {
    const std::int64_t by_ns = deadline_of(deadline);
    for (const auto& rows : rows_) rows->delivery->resend_all();
    for (const auto& rows : rows_) {
        const auto resent = [&] { return !rows->delivery->figures().resending; };
        if (auto took = await(by_ns, rows->sink.name(), resent); !took) return took;
    }
    return {};
}

Result<void> Deliveries::give_again(std::span<const std::uint64_t> drifting,
                                    std::chrono::milliseconds deadline) {
    const std::int64_t by_ns = deadline_of(deadline);
    for (const auto& totals : totals_) totals->delivery->mark_all();
    if (auto sent = resend_rows(deadline); !sent) return sent;
    if (auto settled = settle({}, left_until(by_ns)); !settled) return settled.error();
    if (postgres_ == nullptr) return {};
    for (std::size_t at = 0; at < drifting.size(); at += links_in_a_step) {
        const auto part = drifting.subspan(at, std::min(links_in_a_step, drifting.size() - at));
        if (given_up()) return error(Errc::unavailable, "the service stops");
        if (const auto counted = postgres_->recount(part); !counted) return counted.error();
    }
    return {};
}

Result<void> Deliveries::set_totals(reconcile::TotalsView& view,
                                    std::span<const std::uint64_t> links) {
    for (std::size_t at = 0; at < links.size(); at += links_in_a_step) {
        const auto part = links.subspan(at, std::min(links_in_a_step, links.size() - at));
        const auto rows = counts_->totals_of(part);
        if (!rows) return rows.error();
        if (const auto set = view.set(by_link(rows->value, part)); !set) return set.error();
        // What was delivered between reading and setting is given again.
        for (const auto& totals : totals_) {
            if (totals->sink->name() != view.name()) continue;
            for (const std::uint64_t link : part) totals->delivery->mark(link);
        }
    }
    return {};
}

Result<void> Deliveries::renew_rows(const reconcile::MinuteScope& scope,
                                    std::span<const reconcile::MinuteDigest> of,
                                    std::chrono::milliseconds deadline) {
    if (clickhouse_rows_ == nullptr || of.empty()) return {};
    const RowDelivery::KeepAll nothing_goes(*clickhouse_rows_);
    if (auto taken = minutes_->take_away(scope, of); !taken) return taken;
    return resend_rows(deadline);
}

Result<void> Deliveries::add_weights(std::span<const reconcile::HourClicks> weights,
                                     std::chrono::milliseconds deadline) {
    const std::int64_t by_ns = deadline_of(deadline);
    clickhouse::EventSinkConfig config;
    config.client.url = *clickhouse_;
    clickhouse::ClickhouseEventSink sink(std::move(config), false);
    const auto epoch = static_cast<std::uint32_t>(wall_ms() / 1000);
    for (std::size_t at = 0; at < weights.size(); at += weights_in_a_batch) {
        const auto part = weights.subspan(at, std::min(weights_in_a_batch, weights.size() - at));
        auto batch = reconcile::weight_batch(node_, epoch, at, part);
        if (resolve_) batch.links = resolve_(batch.link_ids);
        batch.links.resize(batch.link_ids.size());
        Result<void> taken = sink.insert(batch);
        while (!taken && !batch.rows.empty()) {
            if (given_up() || monotonic_ns() > by_ns) return taken;
            std::this_thread::sleep_for(100ms);
            // Which rows of it are there, once nothing of it is on its way any more.
            const auto present = sink.present(batch);
            if (!present) continue;
            std::erase_if(batch.rows, [&](const clicks::EventRow& row) {
                return std::binary_search(present->begin(), present->end(), row.id);
            });
            batch.asked = true;
            taken = sink.insert(batch);
        }
    }
    return {};
}

Result<std::uint64_t> Deliveries::clean() {
    if (!redis_) return std::uint64_t{0};
    return redis::remove_second_keys(*redis_, wall_ms() / 1000 - seconds_kept);
}

}  // namespace qck::commands
