#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "services/stores/redis/connection.hpp"
#include "services/stores/redis/dispatcher.hpp"

namespace qck::redis {

using OnMessage = std::function<void(std::string_view payload)>;
/// True: subscribed, messages arrive from here on. False: they may be lost from here on (said once
/// for each loss, and not before the first true).
using OnState = std::function<void(bool subscribed)>;
using SubscriptionId = std::uint64_t;

/// Subscriptions over one connection of their own, which subscribes again whenever it is made
/// again, and is pinged, because a server that is gone says nothing just as a quiet one does.
class Subscriber final : private ConnectionOwner {
public:
    /// Where to subscribe; asked before each try.
    using Where = std::function<std::optional<Endpoint>()>;

    Subscriber(const Environment& environment, Greeting greeting, Where where);
    ~Subscriber() override;

    /// Connects when the first comes.
    SubscriptionId subscribe(std::string channel, OnMessage on_message, OnState on_state);
    void unsubscribe(SubscriptionId id);
    /// Connects again, perhaps elsewhere.
    void reconnect(const Error& why) { connection_.drop(why); }

private:
    struct Entry {
        std::string channel;
        OnMessage on_message;
        OnState on_state;
        bool subscribed = false;
    };

    void on_attempt(Connection& connection) override;
    void on_ready(Connection& connection) override;
    void on_reply(Connection&, Request&&, Reply&&) override {}
    void on_pushed(Connection& connection, Reply&& reply) override;
    void on_overdue(Connection&, Request&&, Error) override {}
    void on_lost(Connection& connection, const Error& why, std::vector<Request> written,
                 std::vector<Request> unwritten) override;
    void ask_for_life();
    template <class Visit>
    void for_each_of(std::string_view channel, Visit visit);

    Environment environment_;
    Where where_;
    Connection connection_;
    net::Reactor::TimerId ping_timer_ = 0;
    SubscriptionId last_id_ = 0;
    std::map<SubscriptionId, std::shared_ptr<Entry>> entries_;
};

}  // namespace qck::redis
