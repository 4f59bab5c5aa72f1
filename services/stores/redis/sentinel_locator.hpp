#pragma once

#include <functional>
#include <optional>

#include "services/stores/redis/connection.hpp"
#include "services/stores/redis/single_dispatcher.hpp"
#include "services/stores/redis/subscriber.hpp"

namespace qck::redis {

/// Asks Sentinels for the address of a master, one after the other until one answers, and listens
/// to what that one says about a switch (Redis documentation, "Guidelines for Redis clients with
/// support for Redis Sentinel"). Sentinels are given the user and the password of the URL, as the
/// master is; one that has none, or others, and answers all the same is asked as well.
class SentinelLocator final : public Locator, private ConnectionOwner {
public:
    explicit SentinelLocator(const Environment& environment);

    void start(std::function<void()> moved) override;
    void locate(Found found) override;
    void stop() override;

private:
    void on_attempt(Connection& connection) override;
    void on_ready(Connection& connection) override;
    void on_reply(Connection& connection, Request&& request, Reply&& reply) override;
    void on_overdue(Connection& connection, Request&& request, Error why) override;
    void on_lost(Connection& connection, const Error& why, std::vector<Request> written,
                 std::vector<Request> unwritten) override;
    void ask();
    void answer(const Result<Endpoint>& found);
    const Endpoint& sentinel() const;

    Environment environment_;
    Connection connection_;
    Subscriber switches_;
    std::function<void()> moved_;
    Found found_;  ///< empty: nobody waits
    std::size_t turn_ = 0;
};

}  // namespace qck::redis
