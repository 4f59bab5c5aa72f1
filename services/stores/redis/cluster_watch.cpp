#include "services/stores/redis/cluster_watch.hpp"

#include <utility>

namespace qck::redis {

ClusterWatch::ClusterWatch(net::Reactor& reactor, Client& client)
    : reactor_(reactor), client_(client), self_(std::make_shared<ClusterWatch*>(this)) {
    reactor_.post([self = std::weak_ptr(self_)] {
        if (const auto watch = self.lock()) (*watch)->ask();
    });
    timer_ = reactor_.every(every, [this] { ask(); });
}

ClusterWatch::~ClusterWatch() { reactor_.cancel(timer_); }

std::optional<ClusterNodes> ClusterWatch::nodes() const {
    const std::lock_guard lock(mutex_);
    return nodes_;
}

void ClusterWatch::ask() {
    client_.send(Command("CLUSTER").arg("NODES").repeatable(),
                 [self = std::weak_ptr(self_)](const Result<Reply>& reply) {
                     if (const auto watch = self.lock()) (*watch)->answered(reply);
                 });
}

void ClusterWatch::answered(const Result<Reply>& reply) {
    std::optional<ClusterNodes> nodes;
    if (reply) {
        auto parsed = parse_cluster_nodes(reply->text());
        if (parsed) nodes = std::move(*parsed);
    }
    const std::lock_guard lock(mutex_);
    nodes_ = std::move(nodes);
}

}  // namespace qck::redis
