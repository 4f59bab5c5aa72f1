#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/journal_gate.hpp"
#include "cli/commands/link_news.hpp"
#include "cli/commands/listener_limits.hpp"
#include "cli/commands/reactor_thread.hpp"
#include "cli/commands/shared_links.hpp"
#include "services/cache/link_source.hpp"
#include "services/http_server/server.hpp"
#include "services/links/link_store.hpp"
#include "services/redirect/redirect_handler.hpp"

namespace qck::commands {

/// One core's worth of redirects.
struct RedirectLane {
    std::unique_ptr<ReactorThread> thread;
    std::unique_ptr<cache::LinkSource> source;
    std::unique_ptr<SharedLane> shared;
    std::unique_ptr<redirect::RedirectHandler> handler;
    std::unique_ptr<LinkNews> news;                        ///< for the handler
    std::unique_ptr<http_server::LimitedHandler> limited;  ///< null without a rate limit
    std::unique_ptr<JournalGate> gate;
    std::unique_ptr<http_server::Server> server;
};

/// Takes news of links to the handler of a lane.
inline LinkNews::Tell tell_handler(redirect::RedirectHandler& handler) {
    return [&handler](const LinkNewsItem& item) {
        if (item.known.link) {
            handler.link_changed(*item.known.link);
        } else {
            handler.link_removed(item.code, item.known.absent_version);
        }
    };
}

/// Tells every redirect reactor, and the other instances, of every change committed here.
class LinkFanout final : public links::LinkObserver {
public:
    explicit LinkFanout(std::vector<RedirectLane>& lanes) : lanes_(lanes) {}
    /// Set before the first change.
    void publish_to(links::LinkObserver& others) { others_ = &others; }

    void link_created(const links::Link& link) override {
        tell({link.code, {link, 0}});
        if (others_ != nullptr) others_->link_created(link);
    }
    void link_changed(const links::Link& link) override {
        tell({link.code, {link, 0}});
        if (others_ != nullptr) others_->link_changed(link);
    }
    void link_removed(std::string_view code, std::uint64_t version) override {
        tell({std::string(code), {std::nullopt, version}});
        if (others_ != nullptr) others_->link_removed(code, version);
    }

    /// Of a change made anywhere.
    void known(const std::string& code, const cache::Known& known) { tell({code, known}); }
    void heard(bool heard) {
        for (RedirectLane& lane : lanes_) {
            lane.thread->reactor().post(
                [handler = lane.handler.get(), heard] { handler->changes_heard(heard); });
        }
    }

private:
    void tell(LinkNewsItem item) {
        const auto shared = std::make_shared<const LinkNewsItem>(std::move(item));
        for (RedirectLane& lane : lanes_) lane.news->put(shared);
    }

    std::vector<RedirectLane>& lanes_;
    links::LinkObserver* others_ = nullptr;
};

}  // namespace qck::commands
