#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/client/rest_client.hpp"
#include "services/admin/admin_handler.hpp"
#include "services/clicks/alert_queue.hpp"
#include "services/clicks/link_modes.hpp"
#include "services/links/link_store.hpp"

namespace qck::commands {

/// The modes of links, put together: the detector, the codes of links from the store, alerts to a
/// webhook, and what `qck mode` talks to.
class BurstWatch {
public:
    struct Config {
        clicks::BurstThresholds thresholds;
        /// Where alerts are posted; empty: nowhere.
        std::string alert_webhook;
    };

    /// `store` outlives it.
    BurstWatch(const Config& config, links::LinkStore& store);

    clicks::LinkModes& modes() { return modes_; }
    /// Null without a webhook.
    const clicks::AlertQueue* alerts() const { return alerts_.get(); }
    void start() { modes_.start(); }
    void stop();

    /// Brings what an operator sets to the other instances (an empty mode: set free), and waits for
    /// it; without one there are none. Before the first action.
    using Share = std::function<Result<void>(std::uint64_t link_id, const std::string& code,
                                             const std::string& mode)>;
    void share_by(Share share) { share_ = std::move(share); }
    /// Says which link a code leads to by what is cached, for when the store does not answer. May
    /// wait for a second or two. Before the first action.
    using Cached = std::function<std::optional<std::uint64_t>(const std::string& code)>;
    void find_by(Cached cached) { cached_ = std::move(cached); }
    /// What some instance set. Quick; thread-safe.
    void was_set(std::uint64_t link_id, const std::string& code, const std::string& mode);

    /// GET /v1/mode, POST /v1/mode/{code} {"mode": "normal|elevated|burst|auto"}.
    std::vector<admin::Action> actions();

private:
    http_server::Response list() const;
    http_server::Response set(const admin::Action::Call& call);
    Result<std::optional<std::uint64_t>> find(const std::string& code, bool freed);
    bool is_local(std::uint64_t link_id) const;
    void set_local(std::uint64_t link_id, bool local);

    links::LinkStore& store_;
    clicks::LinkModes modes_;
    std::unique_ptr<clicks::AlertQueue> alerts_;
    Share share_;
    Cached cached_;
    mutable std::mutex mutex_;
    std::set<std::uint64_t> local_;  ///< guarded by mutex_: set, but the others were not told
};

/// `http://HOST[:PORT]/PATH` or https; without a query, which would not be sent.
Result<std::string> parse_webhook(std::string_view text);

}  // namespace qck::commands
