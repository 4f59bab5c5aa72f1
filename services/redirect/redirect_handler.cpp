#include "services/redirect/redirect_handler.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "services/links/link_rules.hpp"

namespace qck::redirect {
namespace {

using namespace std::chrono_literals;

/// How often the offset between the clocks is read again, and late lookups are given up.
constexpr auto clock_period = 20ms;

}  // namespace

RedirectHandler::RedirectHandler(net::Reactor& reactor, cache::LinkFetcher& fetcher,
                                 clicks::JournalShard& journal, const RedirectConfig& config)
    : reactor_(reactor),
      fetcher_(fetcher),
      journal_(journal),
      config_(config),
      cache_(config.cache_bytes_max, config.hash_seed) {
    read_wall_clock();
    clock_timer_ = reactor_.every(clock_period, [this] {
        read_wall_clock();
        give_up_late_waiters();
    });
}

RedirectHandler::~RedirectHandler() { reactor_.cancel(clock_timer_); }

void RedirectHandler::read_wall_clock() { wall_offset_ns_ = wall_ns() - monotonic_ns(); }

void RedirectHandler::handle(const http_server::Request& request, http_server::Exchange& exchange) {
    const http::RequestHead& head = request.head;
    const bool head_only = head.method == http::Method::head;
    if (head.method != http::Method::get && !head_only) {
        answers_.set_time(wall_now_ms());
        return answers_.fixed(exchange.output(), Answers::Kind::bad_method, false,
                              exchange.keep_alive());
    }
    const Visit visit{
        head.user_agent, head.referer,
        head.purpose,    clicks::stored_ip(request.peer.data(), config_.ip_mode, config_.ip_key),
        head_only,       exchange.keep_alive()};
    const std::string_view code = head.path().substr(1);
    const cache::L1Entry* const entry = cache_.find(code, request.now_ns);
    if (entry == nullptr) return miss(code, request, exchange, visit);
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
    lookup->second.waiters.push_back(
        {exchange.answer_later(),
         request.now_ns + std::chrono::nanoseconds(config_.lookup_timeout).count(), visit.ip,
         std::string(visit.user_agent), std::string(visit.referrer), std::string(visit.purpose),
         visit.head_only, visit.keep_alive});
    ++waiting_;
    if (fresh) begin_lookup(lookup->first);
}

void RedirectHandler::begin_lookup(const std::string& code) {
    const bool begun = fetcher_.fetch(code, [this, code](const cache::LinkFetcher::Found& found) {
        reactor_.post([this, code, found] { looked_up(code, found); });
    });
    if (begun) return;
    auto node = lookups_.extract(code);
    for (Waiter& waiter : node.mapped().waiters) fail(waiter, Answers::Kind::overloaded);
}

void RedirectHandler::looked_up(const std::string& code, const cache::LinkFetcher::Found& found) {
    const auto lookup = lookups_.find(code);
    if (lookup == lookups_.end()) return;
    const bool changed = std::exchange(lookup->second.changed, false);
    if (found && !changed) {
        if (*found) {
            cache_.put(**found);
        } else {
            cache_.put_absent(
                code, 0, reactor_.now_ns() + std::chrono::nanoseconds(config_.absent_for).count());
        }
        note_cache_size();
    }
    auto waiters = std::move(lookup->second.waiters);
    if (const cache::L1Entry* const entry = cache_.find(code, reactor_.now_ns())) {
        lookups_.erase(lookup);
        return release_waiters(std::move(waiters), *entry);
    }
    if (found && changed) {
        lookup->second.waiters = std::move(waiters);
        return begin_lookup(code);
    }
    lookups_.erase(lookup);
    for (Waiter& waiter : waiters) fail(waiter, Answers::Kind::store_down);
}

void RedirectHandler::release_waiters(std::vector<Waiter> waiters, const cache::L1Entry& entry) {
    http_server::Output out(1024);
    for (Waiter& waiter : waiters) {
        out.clear();
        answer_visit(out, entry,
                     {waiter.user_agent, waiter.referrer, waiter.purpose, waiter.ip,
                      waiter.head_only, waiter.keep_alive});
        --waiting_;
        http_server::Response response;
        response.ready_made = out.view();
        waiter.reply.answer(std::move(response));
    }
}

void RedirectHandler::give_up_late_waiters() {
    if (waiting_ == 0) return;
    const std::int64_t now_ns = reactor_.now_ns();
    for (auto& [code, lookup] : lookups_) {
        auto& waiters = lookup.waiters;
        const auto late = std::find_if(waiters.begin(), waiters.end(), [&](const Waiter& waiter) {
            return waiter.deadline_ns > now_ns;
        });
        for (auto waiter = waiters.begin(); waiter != late; ++waiter)
            fail(*waiter, Answers::Kind::store_down);
        waiters.erase(waiters.begin(), late);
    }
}

void RedirectHandler::fail(Waiter& waiter, Answers::Kind kind) {
    --waiting_;
    counters_.unavailable.add();
    answers_.set_time(wall_now_ms());
    http_server::Output out(1024);
    answers_.fixed(out, kind, waiter.head_only, waiter.keep_alive);
    http_server::Response response;
    response.ready_made = out.view();
    waiter.reply.answer(std::move(response));
}

void RedirectHandler::link_changed(const links::Link& link) {
    const auto lookup = lookups_.find(link.code);
    if (lookup != lookups_.end()) lookup->second.changed = true;
    if (lookup == lookups_.end() && cache_.find(link.code, 0) == nullptr) return;
    cache_.put(link);
    note_cache_size();
}

void RedirectHandler::link_removed(std::string_view code, std::uint64_t version) {
    const auto lookup = lookups_.find(std::string(code));
    if (lookup != lookups_.end()) lookup->second.changed = true;
    if (lookup == lookups_.end() && cache_.find(code, 0) == nullptr) return;
    cache_.put_absent(code, version,
                      reactor_.now_ns() + std::chrono::nanoseconds(config_.absent_for).count());
    note_cache_size();
}

void RedirectHandler::note_cache_size() {
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
