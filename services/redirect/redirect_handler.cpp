#include "services/redirect/redirect_handler.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/clock.hpp"
#include "services/clicks/country_code.hpp"
#include "services/links/link_rules.hpp"

namespace qck::redirect {
namespace {

using namespace std::chrono_literals;

/// How often the offset between the clocks is read again, and late lookups are given up.
constexpr auto clock_period = 20ms;
/// An entry whose lookup failed is not looked up again before.
constexpr std::chrono::nanoseconds refresh_pause = 1s;
/// Of L1's table, to find out how old entries are: some 50 us of the reactor's time.
constexpr std::size_t age_slots_max = 2048;

}  // namespace

RedirectHandler::RedirectHandler(net::Reactor& reactor, cache::LinkSource& source,
                                 clicks::JournalShard& journal, const RedirectConfig& config)
    : reactor_(reactor),
      source_(source),
      journal_(journal),
      config_(config),
      cache_(config.cache_bytes_max, config.hash_seed) {
    read_wall_clock();
    clock_timer_ = reactor_.every(clock_period, [this] {
        read_wall_clock();
        read_ages();
        give_up_late_waiters();
        arrivals_.tick(reactor_.now_ns(), clock_period, owes());
    });
}

RedirectHandler::~RedirectHandler() { reactor_.cancel(clock_timer_); }

void RedirectHandler::read_wall_clock() { wall_offset_ns_ = wall_ns() - monotonic_ns(); }

void RedirectHandler::read_ages() {
    const std::int64_t now_ns = reactor_.now_ns();
    const std::int64_t unheard_ns = std::chrono::nanoseconds(config_.l1_ttl_unheard).count();
    const std::int64_t ttl_ns =
        heard_ ? std::chrono::nanoseconds(config_.l1_ttl).count() : unheard_ns;
    // What was loaded before changes were heard again may miss some, and is as good as it was then.
    const bool good_still = !heard_ && now_ns < heard_until_ns_ + unheard_ns;
    if (!good_still) {
        valid_since_ns_ = std::max(now_ns - ttl_ns, std::min(heard_since_ns_, now_ns - unheard_ns));
    }
    fresh_since_ns_ = std::max(now_ns - ttl_ns / 2, heard_since_ns_);
}

void RedirectHandler::changes_heard(bool heard) {
    if (heard == heard_) return;
    heard_ = heard;
    if (heard) {
        heard_since_ns_ = reactor_.now_ns();
    } else {
        heard_until_ns_ =
            reactor_.now_ns() - std::chrono::nanoseconds(config_.unheard_noticed_in).count();
    }
    read_ages();
}

void RedirectHandler::handle(const http_server::Request& request, http_server::Exchange& exchange) {
    arrivals_.arrived(request.now_ns, [this] { return owes(); });
    const http::RequestHead& head = request.head;
    const bool head_only = head.method == http::Method::head;
    if (head.method != http::Method::get && !head_only) {
        answers_.set_time(wall_now_ms());
        return answers_.fixed(exchange.output(), Answers::Kind::bad_method, false,
                              exchange.keep_alive());
    }
    std::uint8_t country = clicks::country_code(head.ip_country);
    if (country == 0 && country_of_) country = country_of_(request.peer.data());
    const Visit visit{head.user_agent,
                      head.referer,
                      head.purpose,
                      clicks::stored_ip(request.peer.data(), config_.ip_mode, config_.ip_key),
                      country,
                      head_only,
                      exchange.keep_alive()};
    const std::string_view code = head.path().substr(1);
    const cache::L1Entry* const entry = cache_.find(code, request.now_ns);
    if (entry == nullptr) return miss(code, request, exchange, visit);
    if (entry->loaded_at_ns < fresh_since_ns_) [[unlikely]] {
        return old_hit(*entry, code, request, exchange, visit);
    }
    counters_.cache_hits.add();
    answer_visit(exchange.output(), *entry, visit);
}

void RedirectHandler::answer_visit(http_server::Output& out, const cache::L1Entry& entry,
                                   const Visit& visit) {
    const std::int64_t now_ms = wall_now_ms();
    answers_.set_time(now_ms);
    const bool known = entry.kind == cache::L1Entry::Kind::link;
    const bool expired = now_ms >= entry.expires_at_ms;
    if (!journal_click(entry.link_id, known, known && expired, visit, now_ms)) {
        counters_.unavailable.add();
        return answers_.fixed(out, Answers::Kind::journal_full, visit.head_only, visit.keep_alive);
    }
    if (!known) {
        counters_.not_found.add();
        return answers_.fixed(out, Answers::Kind::not_found, visit.head_only, visit.keep_alive);
    }
    if (expired) {
        counters_.expired.add();
        return answers_.fixed(out, Answers::Kind::expired, visit.head_only, visit.keep_alive);
    }
    counters_.redirects.add();
    answers_.redirect(out, entry.head(), visit.keep_alive);
}

bool RedirectHandler::journal_click(std::uint64_t link_id, bool known, bool expired,
                                    const Visit& visit, std::int64_t now_ms) {
    const clicks::Agent agent = journal_.user_agent(visit.user_agent);
    clicks::Click click;
    click.link_id = link_id;
    click.time_ms = now_ms;
    click.click_class = clicks::classify({.head = visit.head_only,
                                          .known = known,
                                          .expired = expired,
                                          .agent = agent.kind,
                                          .purpose = visit.purpose});
    click.ip = visit.ip;
    click.country = visit.country;
    click.user_agent = agent.id;
    click.referrer = journal_.referrer(visit.referrer);
    if (!journal_.append(click)) {
        if (config_.journal_full == clicks::JournalFull::refuse) {
            journal_.note_refused();
            return false;
        }
        journal_.note_uncounted();
    }
    counters_.by_class[static_cast<std::size_t>(click.click_class)].add();
    return true;
}

void RedirectHandler::miss(std::string_view code, const http_server::Request& request,
                           http_server::Exchange& exchange, const Visit& visit) {
    if (code == "health") {
        answers_.set_time(wall_now_ms());
        return answers_.fixed(exchange.output(), Answers::Kind::healthy, visit.head_only,
                              visit.keep_alive);
    }
    if (!links::check_code(code)) {
        static const cache::L1Entry nobody = [] {
            cache::L1Entry entry;
            entry.expires_at_ms = INT64_MAX;
            return entry;
        }();
        return answer_visit(exchange.output(), nobody, visit);
    }
    counters_.cache_misses.add();
    if (waiting_ >= config_.waiting_max) {
        counters_.unavailable.add();
        answers_.set_time(wall_now_ms());
        return answers_.fixed(exchange.output(), Answers::Kind::overloaded, visit.head_only,
                              visit.keep_alive);
    }
    const auto [lookup, fresh] = lookups_.try_emplace(std::string(code));
    wait_for(lookup->second,
             request.now_ns + std::chrono::nanoseconds(config_.lookup_timeout).count(), exchange,
             visit);
    if (fresh) begin_lookup(lookup->first, lookup->second);
}

/// A link in a mode is not read again while changes are heard (V7): it would have been told, so it
/// is as it was when they were last known to be heard. Who has never heard others reads on.
bool RedirectHandler::is_confirmed(const cache::L1Entry& entry, std::string_view code) {
    if (!entry.pinned || !heard_ || heard_since_ns_ == 0 || entry.loaded_at_ns < heard_since_ns_ ||
        !cache_.is_pinned(code, cache::PinReason::mode)) {
        return false;
    }
    const std::int64_t noticed_ns = std::chrono::nanoseconds(config_.unheard_noticed_in).count();
    cache_.confirm(code, reactor_.now_ns() - noticed_ns);
    return true;
}

/// Serves what there is while it is read again; waits a moment for news when it is too old.
void RedirectHandler::old_hit(const cache::L1Entry& entry, std::string_view code,
                              const http_server::Request& request, http_server::Exchange& exchange,
                              const Visit& visit) {
    const std::int64_t now_ns = request.now_ns;
    if (is_confirmed(entry, code)) {
        counters_.cache_hits.add();
        return answer_visit(exchange.output(), entry, visit);
    }
    if (!entry.pinned &&
        now_ns - entry.loaded_at_ns > std::chrono::nanoseconds(config_.stale_max).count()) {
        return miss(code, request, exchange, visit);
    }
    auto lookup = lookups_.find(std::string(code));
    const bool ask =
        lookup == lookups_.end() && now_ns >= entry.refresh_at_ns && waiting_ < config_.waiting_max;
    if (ask) {
        lookup = lookups_.try_emplace(std::string(code)).first;
        if (!begin_lookup(lookup->first, lookup->second)) lookup = lookups_.end();
    }
    const std::int64_t stale_wait_ns = std::chrono::nanoseconds(config_.stale_wait).count();
    // Nobody waits for a store that failed to answer since: that would slow down cached links.
    const bool may_wait = entry.refresh_at_ns <= entry.loaded_at_ns;
    if (entry.loaded_at_ns < valid_since_ns_ && may_wait && lookup != lookups_.end() &&
        now_ns < lookup->second.begun_ns + stale_wait_ns && waiting_ < config_.waiting_max) {
        return wait_for(lookup->second, lookup->second.begun_ns + stale_wait_ns, exchange, visit);
    }
    counters_.cache_hits.add();
    if (entry.loaded_at_ns < valid_since_ns_) counters_.stale_hits.add();
    answer_visit(exchange.output(), entry, visit);
}

void RedirectHandler::wait_for(Lookup& lookup, std::int64_t deadline_ns,
                               http_server::Exchange& exchange, const Visit& visit) {
    lookup.waiters.push_back({exchange.answer_later(), deadline_ns, visit.ip, visit.country,
                              std::string(visit.user_agent), std::string(visit.referrer),
                              std::string(visit.purpose), visit.head_only, visit.keep_alive});
    ++waiting_;
}

/// False, and its waiters were answered, when no more can be looked up.
bool RedirectHandler::begin_lookup(const std::string& code, Lookup& lookup,
                                   cache::LinkSource& source) {
    lookup.begun_ns = reactor_.now_ns();
    const bool begun = source.find(
        code, [this, code](const Result<cache::Known>& known) { looked_up(code, known); });
    if (begun) return true;
    auto node = lookups_.extract(code);
    for (Waiter& waiter : node.mapped().waiters) fail(waiter, Answers::Kind::overloaded);
    for (const Warmed& told : node.mapped().warmed) {
        told(error(Errc::unavailable, "too many codes are being looked up"));
    }
    return false;
}

void RedirectHandler::remember(const std::string& code, const cache::Known& known,
                               std::int64_t loaded_at_ns) {
    if (known.link) {
        cache_.put(*known.link, loaded_at_ns);
    } else {
        cache_.put_absent(code, known.absent_version, loaded_at_ns,
                          reactor_.now_ns() + std::chrono::nanoseconds(config_.absent_for).count());
    }
    note_cache_size();
}

/// What a waiter may be told when nobody could be asked.
const cache::L1Entry* RedirectHandler::servable(const std::string& code) const {
    const std::int64_t now_ns = reactor_.now_ns();
    const cache::L1Entry* const entry = cache_.find_any(code);
    const bool serves = entry != nullptr && entry->stale_at_ns > now_ns &&
                        (entry->pinned || now_ns - entry->loaded_at_ns <=
                                              std::chrono::nanoseconds(config_.stale_max).count());
    return serves ? entry : nullptr;
}

void RedirectHandler::looked_up(const std::string& code, const Result<cache::Known>& known) {
    const auto lookup = lookups_.find(code);
    if (lookup == lookups_.end()) return;
    // What was read before the link changed may be old.
    const bool changed = std::exchange(lookup->second.changed, false);
    if (known && !changed) remember(code, *known, lookup->second.begun_ns);
    if (!known) {
        cache_.postpone_refresh(code, reactor_.now_ns() + refresh_pause.count());
    }
    const cache::L1Entry* const entry = known ? cache_.find_any(code) : servable(code);
    if (known && changed && entry == nullptr) {
        begin_lookup(code, lookup->second);
        return;
    }
    auto waiters = std::move(lookup->second.waiters);
    const auto warmed = std::move(lookup->second.warmed);
    lookups_.erase(lookup);
    for (const Warmed& told : warmed) {
        if (!known) {
            told(known.error());
        } else {
            told(entry != nullptr ? entry->kind == cache::L1Entry::Kind::link
                                  : known->link.has_value());
        }
    }
    for (Waiter& waiter : waiters) {
        if (entry != nullptr) {
            answer_waiter(waiter, *entry);
        } else {
            fail(waiter, Answers::Kind::store_down);
        }
    }
}

void RedirectHandler::answer_waiter(Waiter& waiter, const cache::L1Entry& entry) {
    http_server::Output& out = waiter_output_;
    out.clear();
    answer_visit(out, entry,
                 {waiter.user_agent, waiter.referrer, waiter.purpose, waiter.ip, waiter.country,
                  waiter.head_only, waiter.keep_alive});
    --waiting_;
    http_server::Response response;
    response.ready_made = out.view();
    waiter.reply.answer(std::move(response));
}

void RedirectHandler::give_up_late_waiters() {
    if (waiting_ == 0) return;
    const std::int64_t now_ns = reactor_.now_ns();
    for (auto& [code, lookup] : lookups_) {
        const cache::L1Entry* const entry = servable(code);
        std::erase_if(lookup.waiters, [&](Waiter& waiter) {
            if (waiter.deadline_ns > now_ns) return false;
            if (entry == nullptr) {
                fail(waiter, Answers::Kind::store_down);
            } else {
                counters_.stale_hits.add();
                answer_waiter(waiter, *entry);
            }
            return true;
        });
    }
}

void RedirectHandler::fail(Waiter& waiter, Answers::Kind kind) {
    --waiting_;
    counters_.unavailable.add();
    answers_.set_time(wall_now_ms());
    http_server::Output& out = waiter_output_;
    out.clear();
    answers_.fixed(out, kind, waiter.head_only, waiter.keep_alive);
    http_server::Response response;
    response.ready_made = out.view();
    waiter.reply.answer(std::move(response));
}

void RedirectHandler::link_changed(const links::Link& link) {
    const auto lookup = lookups_.find(link.code);
    if (lookup != lookups_.end()) lookup->second.changed = true;
    if (lookup == lookups_.end() && cache_.find_any(link.code) == nullptr) return;
    cache_.put(link, reactor_.now_ns());
    note_cache_size();
}

void RedirectHandler::link_removed(std::string_view code, std::uint64_t version) {
    const auto lookup = lookups_.find(std::string(code));
    if (lookup != lookups_.end()) lookup->second.changed = true;
    if (lookup == lookups_.end() && cache_.find_any(code) == nullptr) return;
    cache_.put_absent(code, version, reactor_.now_ns(),
                      reactor_.now_ns() + std::chrono::nanoseconds(config_.absent_for).count());
    note_cache_size();
}

bool RedirectHandler::pin(std::string_view code, cache::PinReason reason) {
    const bool pinned = cache_.pin(code, reason);
    note_cache_size();
    return pinned;
}

void RedirectHandler::unpin(std::string_view code, cache::PinReason reason) {
    cache_.unpin(code, reason);
    note_cache_size();
}

bool RedirectHandler::pin(const links::Link& link, cache::PinReason reason) {
    cache_.put(link, reactor_.now_ns());
    return pin(link.code, reason);
}

void RedirectHandler::warm(const std::string& code, cache::LinkSource& from, Warmed done) {
    const cache::L1Entry* const entry = cache_.find_any(code);
    if (entry != nullptr && entry->stale_at_ns > reactor_.now_ns() &&
        entry->loaded_at_ns >= fresh_since_ns_) {
        return done(entry->kind == cache::L1Entry::Kind::link);
    }
    const auto [lookup, fresh] = lookups_.try_emplace(code);
    lookup->second.warmed.push_back(std::move(done));
    if (fresh) begin_lookup(lookup->first, lookup->second, from);
}

std::optional<std::uint64_t> RedirectHandler::cached_link(std::string_view code) const {
    const cache::L1Entry* const entry = cache_.find_any(code);
    if (entry == nullptr || entry->kind != cache::L1Entry::Kind::link) return std::nullopt;
    return entry->link_id;
}

void RedirectHandler::evict(std::string_view code) {
    const auto lookup = lookups_.find(std::string(code));
    if (lookup != lookups_.end()) lookup->second.changed = true;
    cache_.drop(code);
    note_cache_size();
}

std::vector<std::chrono::nanoseconds> RedirectHandler::ages() const {
    const auto times = cache_.load_times(age_slots_max);
    std::vector<std::chrono::nanoseconds> ages;
    ages.reserve(times.size());
    std::transform(times.rbegin(), times.rend(), std::back_inserter(ages), [this](const auto time) {
        return std::chrono::nanoseconds(std::max<std::int64_t>(0, reactor_.now_ns() - time));
    });
    return ages;
}

void RedirectHandler::note_cache_size() {
    counters_.cache_pinned.set(cache_.pinned_entries());
    counters_.cache_entries.set(cache_.entries());
    counters_.cache_bytes.set(cache_.bytes());
}

void RedirectHandler::answered(std::uint32_t requests, std::int64_t elapsed_ns) {
    const auto elapsed_us = static_cast<std::uint64_t>(elapsed_ns / 1000);
    std::size_t bucket = 0;
    while (bucket < latency_bounds_us.size() && elapsed_us > latency_bounds_us[bucket]) ++bucket;
    counters_.latency[bucket].add(requests);
    counters_.latency_sum_us.add(requests * elapsed_us);
}

}  // namespace qck::redirect
