#include "services/stores/redis/resolver.hpp"

#include <utility>

namespace qck::redis {

Resolver::~Resolver() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    asked_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Resolver::resolve(const Endpoint& endpoint, Found found) {
    if (auto numeric = net::parse_address(endpoint.to_string())) {
        found(std::move(numeric));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        questions_.push_back({endpoint, std::move(found)});
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { answer_questions(); });
    asked_.notify_one();
}

void Resolver::answer_questions() {
    std::unique_lock lock(mutex_);
    while (true) {
        asked_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
        if (stopping_) return;
        Question question = std::move(questions_.front());
        questions_.pop_front();
        lock.unlock();
        auto addresses = net::resolve(question.endpoint.host, question.endpoint.port);
        Result<net::Address> first =
            addresses ? Result<net::Address>(addresses->front()) : addresses.error();
        reactor_.post([alive = std::weak_ptr(alive_), found = std::move(question.found),
                       answer = std::move(first)] {
            if (!alive.expired()) found(answer);
        });
        lock.lock();
    }
}

}  // namespace qck::redis
