#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/net/address.hpp"
#include "base/net/reactor.hpp"
#include "services/stores/redis/protocol/endpoint.hpp"

namespace qck::redis {

/// Turns endpoints into addresses without blocking the reactor: numeric ones at once, names on a
/// thread that is started when the first comes. Belongs to the reactor's thread. Its end waits for
/// a resolution under way (the system's resolver cannot be interrupted).
class Resolver {
public:
    using Found = std::function<void(Result<net::Address>)>;

    explicit Resolver(net::Reactor& reactor) : reactor_(reactor) {}
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// `found` runs on the reactor's thread, perhaps within this call, and not after the resolver's
    /// end.
    void resolve(const Endpoint& endpoint, Found found);

private:
    struct Question {
        Endpoint endpoint;
        Found found;
    };
    void answer_questions();

    net::Reactor& reactor_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::mutex mutex_;
    std::condition_variable asked_;
    std::deque<Question> questions_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace qck::redis
