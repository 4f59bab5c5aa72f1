#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counter.hpp"
#include "base/net/reactor.hpp"
#include "services/cache/link_source.hpp"
#include "services/links/link_store.hpp"
#include "services/stores/redis/client.hpp"
#include "services/stores/redis/link_scripts.hpp"

namespace qck::redis {

struct LinkChangesConfig {
    std::chrono::milliseconds link_ttl{3'600'000};
    /// How often each instance says that it is there.
    std::chrono::milliseconds heartbeat{200};
    /// Without a sign from anybody for so long, changes may go unheard.
    std::chrono::milliseconds silence{600};
    std::chrono::milliseconds retry{100};
    /// Codes whose change Redis has not taken yet; beyond it the oldest is given up.
    std::size_t codes_max = 100'000;
    /// Sent at once.
    std::size_t window = 256;
};

/// Carries changes of links between instances: what is committed here goes to `link:{code}` and
/// to `qck:invalidate`, until Redis has taken it; what others publish there is handed on.
///
/// Observed changes may come from any thread. The rest belongs to the thread of the client's
/// reactor, on which it also calls back.
class LinkChanges final : public links::LinkObserver {
public:
    /// A change that some instance made, this one included.
    using Changed = std::function<void(const std::string& code, const cache::Known& known)>;
    /// Whether changes of others are heard of. False until the first sign of life.
    using Heard = std::function<void(bool heard)>;
    /// What an operator ordered of some instance, this one included; may be empty.
    using Ordered = std::function<void(LinkOrder order, const std::string& code)>;
    /// Redis has this version of a code that was observed here, or a newer one; may be empty.
    using Taken = std::function<void(const std::string& code, std::uint64_t version)>;

    /// The reactor and `client` outlive it. Destroyed on the reactor's thread, or while that does
    /// not run.
    LinkChanges(net::Reactor& reactor, Client& client, const LinkChangesConfig& config,
                Changed changed, Heard heard, Ordered ordered = nullptr, Taken taken = nullptr);
    ~LinkChanges() override;

    void link_created(const links::Link& link) override;
    void link_changed(const links::Link& link) override;
    void link_removed(std::string_view code, std::uint64_t version) override;

    struct Figures {
        Counter published;
        Counter received;
        Counter given_up;  ///< because too many waited
        Counter waiting;   ///< now
        Counter heard;     ///< now: 1 or 0
    };
    /// Thread-safe.
    const Figures& figures() const { return figures_; }

private:
    struct Change {
        cache::Known known;
        bool only_if_known = false;
        bool sent = false;
        std::uint64_t number = 0;  ///< tells whether the change that was sent is still the newest
    };

    void enqueue(std::string code, cache::Known known, bool only_if_known);
    void take_incoming();
    void send_waiting();
    void sent(const std::string& code, std::uint64_t number, std::uint64_t version, bool taken);
    void beat();
    void on_message(std::string_view payload);
    void on_change(std::string_view payload);
    void on_state(bool subscribed);
    void check_silence();
    void set_heard(bool heard);

    net::Reactor& reactor_;
    Client& client_;
    const LinkChangesConfig config_;
    Changed changed_;
    Heard heard_callback_;
    Ordered ordered_;
    Taken taken_;
    Figures figures_;

    struct Incoming {
        std::string code;
        cache::Known known;
        bool only_if_known;
    };
    std::mutex incoming_mutex_;
    std::vector<Incoming> incoming_;  ///< guarded by incoming_mutex_

    std::unordered_map<std::string, Change> waiting_;
    std::deque<std::string> order_;  ///< codes to be sent
    std::size_t under_way_ = 0;
    std::uint64_t last_number_ = 0;
    bool retry_waits_ = false;

    SubscriptionId subscription_ = 0;
    bool subscribed_ = false;
    bool heard_ = false;
    std::int64_t last_sign_ns_ = 0;
    std::vector<net::Reactor::TimerId> timers_;
    std::shared_ptr<LinkChanges*> self_;  ///< held weakly by what runs later
};

}  // namespace qck::redis
