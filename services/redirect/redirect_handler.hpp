#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/net/reactor.hpp"
#include "services/cache/l1_cache.hpp"
#include "services/cache/link_source.hpp"
#include "services/clicks/journal.hpp"
#include "services/clicks/stored_ip.hpp"
#include "services/http_server/exchange.hpp"
#include "services/http_server/output.hpp"
#include "services/redirect/answers.hpp"
#include "services/redirect/arrival_log.hpp"
#include "services/redirect/redirect_counters.hpp"

namespace qck::redirect {

struct RedirectConfig {
    /// L1 of one reactor.
    std::size_t cache_bytes_max = 32 * 1024 * 1024;
    /// How long an unknown code is answered from memory.
    std::chrono::milliseconds absent_for{10'000};
    /// A lookup slower than this answers 503. Keep it below the load balancer's timeout.
    std::chrono::milliseconds lookup_timeout{1'000};
    /// Requests of one reactor that wait for lookups; beyond it 503.
    std::size_t waiting_max = 10'000;
    /// An entry of L1 is read again in the background at half of this age, and not served beyond it
    /// unless nobody can be asked. One that is pinned by its mode is not while changes are heard.
    std::chrono::milliseconds l1_ttl{60'000};
    /// The same while changes of links may go unheard (P4).
    std::chrono::milliseconds l1_ttl_unheard{1'000};
    /// changes_heard(false) comes at most so long after the last sign that they were. Up to that
    /// sign every entry was good, and what is left of l1_ttl_unheard is time to read it again in
    /// the background, so that nobody waits.
    std::chrono::milliseconds unheard_noticed_in{700};
    /// How long a request waits for news of an entry that is too old, before it is answered with
    /// what there is (P5).
    std::chrono::milliseconds stale_wait{50};
    /// What is older is not served even so.
    std::chrono::milliseconds stale_max{3'600'000};
    clicks::JournalFull journal_full = clicks::JournalFull::refuse;
    clicks::IpMode ip_mode = clicks::IpMode::truncate;
    clicks::IpKey ip_key{};
    /// Keys the cache's hash.
    std::uint64_t hash_seed = 0;
};

/// The redirect path of one reactor: code to entry, click to journal, answer to output, in this
/// order. A code that L1 lacks is looked up elsewhere while the reactor goes on.
///
/// Belongs to the reactor's thread, but for counters(), arrivals() and cache_bytes_max().
class RedirectHandler final : public http_server::Handler {
public:
    /// The collaborators outlive the handler.
    RedirectHandler(net::Reactor& reactor, cache::LinkSource& source, clicks::JournalShard& journal,
                    const RedirectConfig& config);
    ~RedirectHandler() override;

    void handle(const http_server::Request& request, http_server::Exchange& exchange) override;
    void answered(std::uint32_t requests, std::int64_t elapsed_ns) override;

    /// A link was created or changed.
    void link_changed(const links::Link& link);
    void link_removed(std::string_view code, std::uint64_t version);

    /// Keeps the link of a code in L1 whatever its age, as long as it has not changed: once it was
    /// asked for, it redirects with every store down.
    bool pin(std::string_view code, cache::PinReason reason);
    void unpin(std::string_view code, cache::PinReason reason);
    /// As pin(), and L1 has the link from now on, as of now. False when L1 cannot pin so much.
    bool pin(const links::Link& link, cache::PinReason reason);

    /// Reads a code into L1 as a visitor's request would, and says whether there is such a link; at
    /// once when L1 knows. An error when it could not be asked for.
    using Warmed = std::function<void(const Result<bool>& found)>;
    void warm(const std::string& code, Warmed done) { warm(code, source_, std::move(done)); }
    /// The same, by asking `from` where L1 does not know.
    void warm(const std::string& code, cache::LinkSource& from, Warmed done);
    /// The link of a code that L1 has, whatever its age.
    std::optional<std::uint64_t> cached_link(std::string_view code) const;
    /// L1 forgets the code; what was asked for before is not believed. A pin stays.
    void evict(std::string_view code);
    /// How long ago links of L1 were read, ascending: of all, or of a bounded sample.
    std::vector<std::chrono::nanoseconds> ages() const;

    /// Countries of clients whose requests do not name one; 0 when not known. Called on the path of
    /// redirects. May be empty.
    using CountryLookup = std::function<std::uint8_t(const sockaddr* client)>;
    void look_up_countries(CountryLookup lookup) { country_of_ = std::move(lookup); }

    /// `held` says whether answers are kept from their clients, as until their clicks are on the
    /// disk. Called for each batch of requests.
    void answers_held_by(std::function<bool()> held) { answers_held_ = std::move(held); }

    /// Whether changes made by other instances are heard of. What L1 holds from before they were
    /// is not trusted.
    void changes_heard(bool heard);

    const RedirectCounters& counters() const { return counters_; }
    const ArrivalLog& arrivals() const { return arrivals_; }
    std::size_t cache_bytes_max() const { return config_.cache_bytes_max; }

private:
    /// A request that waits for its link.
    struct Waiter {
        http_server::PendingReply reply;
        std::int64_t deadline_ns;
        clicks::StoredIp ip;
        std::uint8_t country;
        std::string user_agent;
        std::string referrer;
        std::string purpose;
        bool head_only;
        bool keep_alive;
    };
    struct Lookup {
        std::vector<Waiter> waiters;
        std::vector<Warmed> warmed;  ///< told of the outcome
        std::int64_t begun_ns = 0;
        bool changed =
            false;  ///< the link changed after the lookup began: what it finds may be old
    };
    /// What the journal and the answer need to know of a request.
    struct Visit {
        std::string_view user_agent;
        std::string_view referrer;
        std::string_view purpose;
        clicks::StoredIp ip;
        std::uint8_t country;  ///< clicks/country_code.hpp
        bool head_only;
        bool keep_alive;
    };

    /// Requests wait for their answers.
    bool owes() const { return waiting_ > 0 || (answers_held_ && answers_held_()); }
    std::int64_t wall_now_ms() const { return (reactor_.now_ns() + wall_offset_ns_) / 1'000'000; }
    void read_wall_clock();
    void read_ages();
    void answer_visit(http_server::Output& out, const cache::L1Entry& entry, const Visit& visit);
    bool journal_click(std::uint64_t link_id, bool known, bool expired, const Visit& visit,
                       std::int64_t now_ms);
    void miss(std::string_view code, const http_server::Request& request,
              http_server::Exchange& exchange, const Visit& visit);
    bool is_confirmed(const cache::L1Entry& entry, std::string_view code);
    void old_hit(const cache::L1Entry& entry, std::string_view code,
                 const http_server::Request& request, http_server::Exchange& exchange,
                 const Visit& visit);
    void wait_for(Lookup& lookup, std::int64_t deadline_ns, http_server::Exchange& exchange,
                  const Visit& visit);
    bool begin_lookup(const std::string& code, Lookup& lookup) {
        return begin_lookup(code, lookup, source_);
    }
    bool begin_lookup(const std::string& code, Lookup& lookup, cache::LinkSource& source);
    void looked_up(const std::string& code, const Result<cache::Known>& known);
    void remember(const std::string& code, const cache::Known& known, std::int64_t loaded_at_ns);
    const cache::L1Entry* servable(const std::string& code) const;
    void answer_waiter(Waiter& waiter, const cache::L1Entry& entry);
    void give_up_late_waiters();
    void fail(Waiter& waiter, Answers::Kind kind);
    void note_cache_size();

    net::Reactor& reactor_;
    cache::LinkSource& source_;
    clicks::JournalShard& journal_;
    RedirectConfig config_;
    CountryLookup country_of_;
    std::function<bool()> answers_held_;  ///< may be empty
    cache::L1Cache cache_;
    Answers answers_;
    RedirectCounters counters_;
    ArrivalLog arrivals_;
    std::int64_t wall_offset_ns_ = 0;  ///< wall clock less monotonic clock
    bool heard_ = true;
    std::int64_t heard_since_ns_ = 0;
    std::int64_t heard_until_ns_ = 0;  ///< while !heard_
    std::int64_t fresh_since_ns_ = 0;  ///< entries loaded before are worth reading again
    std::int64_t valid_since_ns_ = 0;  ///< entries loaded before are too old to be served
    std::unordered_map<std::string, Lookup> lookups_;
    std::size_t waiting_ = 0;
    http_server::Output waiter_output_{1024};  ///< one answer to a waiter at a time
    net::Reactor::TimerId clock_timer_ = 0;
};

}  // namespace qck::redirect
