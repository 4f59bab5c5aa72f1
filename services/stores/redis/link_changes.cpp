#include "services/stores/redis/link_changes.hpp"

#include <utility>

#include "base/log.hpp"
#include "services/stores/redis/channels.hpp"
#include "services/stores/redis/link_value.hpp"

namespace qck::redis {

LinkChanges::LinkChanges(net::Reactor& reactor, Client& client, const LinkChangesConfig& config,
                         Changed changed, Heard heard, Ordered ordered, Taken taken)
    : reactor_(reactor),
      client_(client),
      config_(config),
      changed_(std::move(changed)),
      heard_callback_(std::move(heard)),
      ordered_(std::move(ordered)),
      taken_(std::move(taken)),
      self_(std::make_shared<LinkChanges*>(this)) {
    subscription_ = client_.subscribe(
        invalidation_channel(client_.config().url.db),
        [this](std::string_view payload) { on_message(payload); },
        [this](bool subscribed) { on_state(subscribed); });
    timers_.push_back(reactor_.every(config_.heartbeat, [this] { beat(); }));
    timers_.push_back(reactor_.every(config_.silence / 6, [this] { check_silence(); }));
}

LinkChanges::~LinkChanges() {
    client_.unsubscribe(subscription_);
    for (const auto timer : timers_) reactor_.cancel(timer);
}

void LinkChanges::link_created(const links::Link& link) { enqueue(link.code, {link, 0}, true); }

void LinkChanges::link_changed(const links::Link& link) { enqueue(link.code, {link, 0}, false); }

void LinkChanges::link_removed(std::string_view code, std::uint64_t version) {
    enqueue(std::string(code), {std::nullopt, version}, false);
}

void LinkChanges::enqueue(std::string code, cache::Known known, bool only_if_known) {
    bool first = false;
    {
        const std::lock_guard lock(incoming_mutex_);
        first = incoming_.empty();
        incoming_.push_back({std::move(code), std::move(known), only_if_known});
    }
    if (!first) return;
    reactor_.post([self = std::weak_ptr(self_)] {
        if (const auto changes = self.lock()) (*changes)->take_incoming();
    });
}

void LinkChanges::take_incoming() {
    std::vector<Incoming> taken;
    {
        const std::lock_guard lock(incoming_mutex_);
        taken.swap(incoming_);
    }
    for (Incoming& incoming : taken) {
        const auto [at, fresh] = waiting_.try_emplace(incoming.code);
        Change& change = at->second;
        // Commits of one code may be told in another order than they were made.
        if (!fresh && version_of(change.known) > version_of(incoming.known)) continue;
        change.known = std::move(incoming.known);
        change.only_if_known = incoming.only_if_known && (fresh || change.only_if_known);
        change.number = ++last_number_;
        if (fresh || change.sent) order_.push_back(incoming.code);
        change.sent = false;
    }
    while (waiting_.size() > config_.codes_max && !order_.empty()) {
        figures_.given_up.add();
        waiting_.erase(order_.front());
        order_.pop_front();
    }
    send_waiting();
}

void LinkChanges::send_waiting() {
    while (under_way_ < config_.window && !order_.empty() && !retry_waits_) {
        const std::string code = std::move(order_.front());
        order_.pop_front();
        const auto at = waiting_.find(code);
        if (at == waiting_.end()) continue;
        at->second.sent = true;
        ++under_way_;
        client_.send(change_command(code, at->second.known, config_.link_ttl,
                                    at->second.only_if_known, client_.config().url.db),
                     [self = std::weak_ptr(self_), code, number = at->second.number,
                      version = version_of(at->second.known)](Result<Reply> reply) {
                         if (const auto changes = self.lock()) {
                             (*changes)->sent(code, number, version, reply.has_value());
                         }
                     });
    }
    figures_.waiting.set(waiting_.size());
}

void LinkChanges::sent(const std::string& code, std::uint64_t number, std::uint64_t version,
                       bool taken) {
    --under_way_;
    const auto at = waiting_.find(code);
    const bool newest = at != waiting_.end() && at->second.number == number;
    if (taken) {
        figures_.published.add();
        if (taken_) taken_(code, version);
        if (newest) waiting_.erase(at);
    } else if (newest) {
        at->second.sent = false;
        order_.push_back(code);
        if (!std::exchange(retry_waits_, true)) {
            reactor_.after(config_.retry, [self = std::weak_ptr(self_)] {
                const auto changes = self.lock();
                if (!changes) return;
                (*changes)->retry_waits_ = false;
                (*changes)->send_waiting();
            });
        }
    }
    send_waiting();
}

void LinkChanges::beat() {
    const std::string channel = invalidation_channel(client_.config().url.db);
    client_.send(Command("PUBLISH").arg(channel).arg("h"), nullptr);
}

void LinkChanges::on_message(std::string_view payload) {
    last_sign_ns_ = reactor_.now_ns();
    if (subscribed_) set_heard(true);
    if (payload.size() < 3 || payload[1] != ' ') return;
    const char kind = payload[0];
    payload.remove_prefix(2);
    if (kind == 'c') return on_change(payload);
    for (const LinkOrder order : {LinkOrder::evict, LinkOrder::pin, LinkOrder::unpin}) {
        if (kind == static_cast<char>(order) && ordered_) ordered_(order, std::string(payload));
    }
}

void LinkChanges::on_change(std::string_view payload) {
    const auto end = payload.find(' ');
    if (end == std::string_view::npos) return;
    const std::string code(payload.substr(0, end));
    const auto value = decode_link_value(payload.substr(end + 1), code);
    if (!value) {
        log::warn("link_change_unreadable", {{"error", value.error().message}});
        return;
    }
    figures_.received.add();
    changed_(code, value->known);
}

void LinkChanges::on_state(bool subscribed) {
    subscribed_ = subscribed;
    if (!subscribed) set_heard(false);
}

void LinkChanges::check_silence() {
    if (reactor_.now_ns() - last_sign_ns_ > std::chrono::nanoseconds(config_.silence).count()) {
        set_heard(false);
    }
}

void LinkChanges::set_heard(bool heard) {
    if (heard == heard_) return;
    heard_ = heard;
    figures_.heard.set(heard ? 1 : 0);
    if (heard) {
        log::info("link_changes_heard");
    } else {
        log::warn("link_changes_unheard",
                  {{"effect", "links are read again once a second instead"}});
    }
    heard_callback_(heard);
}

}  // namespace qck::redis
