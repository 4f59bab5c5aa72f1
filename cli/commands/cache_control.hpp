#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/redirect_lane.hpp"
#include "services/admin/admin_handler.hpp"
#include "services/cache/link_fetcher.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/links/link_store.hpp"
#include "services/stores/redis/link_scripts.hpp"

namespace qck::commands {

/// What `qck cache` talks to: warms, evicts, pins and unpins codes in L1 of every reactor, in
/// Redis, and, for all but warming, in every other instance.
///
/// An eviction is as good as a change of the link (P4): who does not hear of it reads from Redis,
/// where the value is gone, within a second. Pins are kept in memory: an instance that starts later
/// has none until they are asked for again.
class CacheControl {
public:
    /// All outlive it. `shared` is where SharedLinks will be, or null without Redis; `clicks`
    /// opens the local counts for reading, apart from whom else reads them.
    struct Parts {
        std::vector<RedirectLane>& lanes;
        const std::unique_ptr<SharedLinks>& shared;
        links::LinkStore& links;
        cache::LinkFetcher& fetcher;
        std::function<Result<std::unique_ptr<clicks::ClickStore>>()> clicks;
    };
    explicit CacheControl(Parts parts) : parts_(std::move(parts)) {}

    /// What was ordered anywhere, done here. Any thread.
    void obey(redis::LinkOrder order, const std::string& code);

    /// The link of a code by L1 of some reactor, or by Redis; empty when neither says in time.
    std::optional<std::uint64_t> link_of(const std::string& code);

    /// POST /v1/cache/{warm,evict,pin,unpin} {"codes": […]}, GET /v1/cache/stats,
    /// GET /v1/cache/top?n&span=1h|24h.
    std::vector<admin::Action> actions();

private:
    using Call = admin::Action::Call;
    http_server::Response warm(const Call& call);
    http_server::Response evict(const Call& call);
    http_server::Response pin(const Call& call);
    http_server::Response unpin(const Call& call);
    http_server::Response stats();
    http_server::Response top(const Call& call);

    http_server::Response obeyed(const char* done, std::vector<std::string> codes,
                                 const std::string& only_here);
    Result<std::vector<clicks::LinkClicks>> most_clicked(std::uint32_t hours,
                                                         std::size_t links_max);
    std::string tell_others(std::vector<redis::Command> commands);

    Parts parts_;
};

/// Opens the counts of a service's directory beside who writes them.
std::function<Result<std::unique_ptr<clicks::ClickStore>>()> local_counts(
    const clicks::DataDirectory& directory);

}  // namespace qck::commands
