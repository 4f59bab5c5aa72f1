#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "services/clicks/link_modes.hpp"
#include "services/links/link_store.hpp"
#include "services/stores/redis/protocol/command.hpp"

namespace qck::commands {

/// Keeps the links that are above normal on this instance in Redis (V7): `link:{code}` is filled
/// where it is gone and lives for an hour again, every ten minutes and when a mode rises.
///
/// Nothing is undone when the mode ends: other instances may still have the link in it, and one
/// that was killed could not. A key that an operator pinned has no expiry and gets none.
class ModeRenewal {
public:
    using Send = std::function<void(std::vector<redis::Command> commands)>;

    /// All outlive it. `send` gives commands to Redis, and may wait for it for seconds.
    ModeRenewal(clicks::LinkModes& modes, links::LinkStore& links, Send send,
                std::chrono::milliseconds every);
    ~ModeRenewal();  ///< stop()
    ModeRenewal(const ModeRenewal&) = delete;
    ModeRenewal& operator=(const ModeRenewal&) = delete;

    void start();
    void stop();
    /// A link has entered a mode: renews soon. Thread-safe, quick.
    void hurry();

private:
    void run();
    void renew();

    clicks::LinkModes& modes_;
    links::LinkStore& links_;
    const Send send_;
    const std::chrono::milliseconds every_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  ///< guarded by mutex_
    bool hurried_ = false;   ///< guarded by mutex_
    std::thread thread_;
};

}  // namespace qck::commands
