#pragma once

#include <memory>
#include <vector>

#include "services/stores/redis/connection.hpp"
#include "services/stores/redis/dispatcher.hpp"
#include "services/stores/redis/protocol/cluster_routing.hpp"

namespace qck::redis {

/// A Redis Cluster: one connection to each node that is used, and another that has said READONLY
/// to a replica that is read from. Decides nothing itself: ClusterRouting does.
class ClusterDispatcher final : public Dispatcher, private ConnectionOwner {
public:
    explicit ClusterDispatcher(const Environment& environment);
    ~ClusterDispatcher() override;

    void start() override;
    void submit(Request&& request) override;
    void flush() override;
    void expire(std::int64_t now_ns) override;
    std::vector<Request> stop() override;
    ClientState state() const override;
    std::optional<Endpoint> server_for_subscription() override;
    std::vector<std::uint16_t> slot_of_each_master() const override {
        return routing_.map().slot_of_each_master();
    }

private:
    /// A connection to a node for one purpose.
    struct Link {
        NodeId node;
        bool read_only;
        std::unique_ptr<Connection> connection;
    };

    void on_attempt(Connection& connection) override;
    void on_ready(Connection& connection) override;
    void on_reply(Connection& connection, Request&& request, Reply&& reply) override;
    void on_overdue(Connection& connection, Request&& request, Error why) override;
    void on_lost(Connection& connection, const Error& why, std::vector<Request> written,
                 std::vector<Request> unwritten) override;

    Link& link_to(NodeId node, bool read_only);
    const Link& link_of(const Connection& connection) const;
    void send_along(Request&& request, const Route& route);
    void route_again(Request&& request);
    void finish(Request&& request, Error why);
    void release_parked();
    void refresh();
    void on_slots(NodeId asked, const Result<Reply>& reply);
    void leave_strangers();
    void look_after();
    Error unreachable() const;

    Environment environment_;
    ClusterRouting routing_;
    std::vector<std::unique_ptr<Link>> links_;
    RingQueue<Request> parked_;                ///< no node for their slot at the moment
    net::Reactor::TimerId look_timer_ = 0;     ///< 0: nothing to look after
    net::Reactor::TimerId refresh_timer_ = 0;  ///< without a reason
    std::uint32_t subscription_turn_ = 0;
    std::string trouble_;
    bool stopping_ = false;
};

}  // namespace qck::redis
