#include "services/stores/postgres/call_deadlines.hpp"

#include <sys/socket.h>

namespace qck::postgres {

using Clock = std::chrono::steady_clock;

CallDeadlines::CallDeadlines() : thread_([this] { loop(); }) {}

CallDeadlines::~CallDeadlines() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    begun_.notify_one();
    thread_.join();
}

CallDeadlines::Watch::Watch(CallDeadlines& deadlines, int socket, std::chrono::milliseconds timeout)
    : deadlines_(deadlines) {
    bool first = false;
    {
        const std::lock_guard lock(deadlines_.mutex_);
        first = deadlines_.calls_.empty();
        call_ = deadlines_.calls_.insert(deadlines_.calls_.end(),
                                         Call{socket, Clock::now() + timeout, false});
    }
    if (first) deadlines_.begun_.notify_one();
}

CallDeadlines::Watch::~Watch() {
    const std::lock_guard lock(deadlines_.mutex_);
    deadlines_.calls_.erase(call_);
}

bool CallDeadlines::Watch::expired() const {
    const std::lock_guard lock(deadlines_.mutex_);
    return call_->expired;
}

void CallDeadlines::loop() {
    constexpr std::chrono::milliseconds period{50};
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (calls_.empty()) {
            begun_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
            continue;
        }
        begun_.wait_for(lock, period, [this] { return stopping_; });
        const auto now = Clock::now();
        for (auto& call : calls_) {
            if (call.expired || now < call.deadline) continue;
            call.expired = true;
            ::shutdown(call.socket, SHUT_RDWR);
        }
    }
}

}  // namespace qck::postgres
