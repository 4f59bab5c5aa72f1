#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/net/reactor.hpp"
#include "services/cache/link_source.hpp"

namespace qck::commands {

/// What was learnt of a code. Immutable, so that all who are told share one.
struct LinkNewsItem {
    std::string code;
    cache::Known known;
};

/// What was learnt of links, on its way to one reactor: however many items come before the reactor
/// looks, it is woken once and takes them all.
///
/// put() is thread-safe. Items are told in the order of their coming, on the reactor's thread, and
/// never after work that was posted to the reactor behind them. Outlives the reactor's run.
class LinkNews {
public:
    using Tell = std::function<void(const LinkNewsItem&)>;

    LinkNews(net::Reactor& reactor, Tell tell) : reactor_(reactor), tell_(std::move(tell)) {}

    void put(std::shared_ptr<const LinkNewsItem> item) {
        bool first = false;
        {
            const std::lock_guard lock(mutex_);
            first = waiting_.empty();
            waiting_.push_back(std::move(item));
        }
        if (first) reactor_.post([this] { tell_all(); });
    }

private:
    void tell_all() {
        {
            const std::lock_guard lock(mutex_);
            waiting_.swap(telling_);
        }
        for (const auto& item : telling_) tell_(*item);
        telling_.clear();
    }

    net::Reactor& reactor_;
    Tell tell_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<const LinkNewsItem>> waiting_;
    std::vector<std::shared_ptr<const LinkNewsItem>> telling_;  ///< of the reactor's thread
};

}  // namespace qck::commands
