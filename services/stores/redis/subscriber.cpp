#include "services/stores/redis/subscriber.hpp"

#include <utility>

#include "base/clock.hpp"

namespace qck::redis {

Subscriber::Subscriber(const Environment& environment, Greeting greeting, Where where)
    : environment_(environment),
      where_(std::move(where)),
      connection_(environment.reactor, environment.resolver, environment.config, environment.tls,
                  std::move(greeting), *this, environment.seeds.next()) {}

Subscriber::~Subscriber() { environment_.reactor.cancel(ping_timer_); }

SubscriptionId Subscriber::subscribe(std::string channel, OnMessage on_message, OnState on_state) {
    connection_.say(Command("SUBSCRIBE").arg(channel));
    const SubscriptionId id = ++last_id_;
    entries_.emplace(id, std::make_shared<Entry>(Entry{std::move(channel), std::move(on_message),
                                                       std::move(on_state)}));
    connection_.start();
    return id;
}

void Subscriber::unsubscribe(SubscriptionId id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    const std::shared_ptr<Entry> entry = found->second;
    entries_.erase(found);
    bool wanted = false;
    for (const auto& [other, one] : entries_) wanted = wanted || one->channel == entry->channel;
    if (!wanted) connection_.say(Command("UNSUBSCRIBE").arg(entry->channel));
}

/// Visits entries as they are now: what is called may subscribe and unsubscribe.
template <class Visit>
void Subscriber::for_each_of(std::string_view channel, Visit visit) {
    const auto entries = entries_;
    for (const auto& [id, entry] : entries) {
        if (entry->channel == channel && entries_.contains(id)) visit(*entry);
    }
}

void Subscriber::on_attempt(Connection& connection) {
    if (const auto endpoint = where_()) {
        connection.connect_to(*endpoint);
    } else {
        connection.fail_attempt(error(Errc::unavailable, "no server is in reach"));
    }
}

void Subscriber::on_ready(Connection& connection) {
    const auto entries = entries_;
    for (const auto& [id, entry] : entries) {
        connection.say(Command("SUBSCRIBE").arg(entry->channel));
    }
    environment_.reactor.cancel(ping_timer_);
    ping_timer_ = environment_.reactor.every(environment_.config.subscription_ping,
                                             [this] { ask_for_life(); });
}

void Subscriber::ask_for_life() {
    const auto silence = std::chrono::nanoseconds(monotonic_ns() - connection_.heard_ns());
    if (silence > 3 * environment_.config.subscription_ping) {
        connection_.drop(error(Errc::timed_out, "a subscription got no sign of life"));
    } else {
        connection_.say(Command("PING"));
    }
}

void Subscriber::on_pushed(Connection&, Reply&& reply) {
    const std::string_view kind = reply[0].text();
    const std::string channel(reply[1].text());
    if (kind == "message") {
        for_each_of(channel, [&](Entry& entry) { entry.on_message(reply[2].text()); });
    } else if (kind == "subscribe") {
        for_each_of(channel, [](Entry& entry) {
            if (!std::exchange(entry.subscribed, true) && entry.on_state) entry.on_state(true);
        });
    }
}

void Subscriber::on_lost(Connection&, const Error&, std::vector<Request>, std::vector<Request>) {
    environment_.reactor.cancel(ping_timer_);
    const auto entries = entries_;
    for (const auto& [id, entry] : entries) {
        if (std::exchange(entry->subscribed, false) && entry->on_state && entries_.contains(id)) {
            entry->on_state(false);
        }
    }
}

}  // namespace qck::redis
