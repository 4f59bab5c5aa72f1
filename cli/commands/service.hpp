#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/circuit_breaker.hpp"
#include "base/error.hpp"
#include "base/net/address.hpp"
#include "base/net/reactor.hpp"
#include "base/net/tls.hpp"
#include "cli/commands/burst_watch.hpp"
#include "cli/commands/deliveries.hpp"
#include "services/clicks/click_counting.hpp"
#include "services/clicks/journal.hpp"
#include "services/http_server/config.hpp"
#include "services/http_server/limit_exchange.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"
#include "services/stores/redis/client_config.hpp"

namespace qck::commands {

/// What `qck serve` runs with; every field has its flag.
struct ServiceConfig {
    std::filesystem::path data_dir = "qck-data";
    net::Address redirect_address;
    net::Address api_address;
    net::Address ingest_address;
    net::Address admin_address;
    /// Reactors of the redirect listener.
    std::uint16_t threads = 1;
    /// CPU of each of them, in turn; empty: not pinned.
    std::vector<int> pin;
    /// Connections go to the thread on the CPU that they come in on; each has one of `pin` for
    /// itself. OtherThread are pinned to these CPUs as well.
    bool steer_by_cpu = false;
    /// They look for requests so long before they sleep, as long as waits are mostly that short.
    std::chrono::nanoseconds busy_poll{std::chrono::microseconds{20}};
    /// Answers wait for the disk: a power cut loses nothing that was answered.
    bool power_safe = false;
    clicks::JournalFull journal_full = clicks::JournalFull::refuse;
    clicks::JournalKeep journal_keep;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    clicks::IpMode ip_mode = clicks::IpMode::truncate;
    /// Where addresses are: a MaxMind DB file; empty: not known.
    std::filesystem::path geoip;
    /// Of all redirect reactors together.
    std::size_t cache_bytes = std::size_t{64} << 20;
    /// Nobody needs to send a body to be redirected, and many connections could send many.
    http_server::ServerConfig redirect_server{.limits = {.body_bytes_max = 0}};
    http_server::ServerConfig api_server;
    http_server::ServerConfig ingest_server;
    /// Ingested items are recognised when they come again among at least so many.
    std::size_t dedupe_events = 2'000'000;
    /// Answers of GET /v1/analytics may be so old.
    std::chrono::milliseconds analytics_kept_for{5'000};
    /// Shared by instances: links cached, changes told, clicks counted. Without it: none of these.
    std::optional<redis::ClientConfig> redis;
    /// Where links are kept instead of SQLite, `postgresql://…`; empty: SQLite.
    std::string postgres;
    /// For reads that may lag; empty: the primary.
    std::string postgres_replica;
    /// How often PostgreSQL is given the counts.
    std::chrono::milliseconds postgres_sync{10'000};
    /// Where single clicks go as rows; without it nowhere.
    std::optional<clickhouse::ClickhouseUrl> clickhouse;
    /// Where visitors are counted.
    UniquesIn uniques = UniquesIn::any;
    /// Of each store: it is left alone for a while after so many failures.
    CircuitBreaker::Config breaker;
    /// Asked of the API when not empty.
    std::string token;
    std::vector<std::string> own_hosts;
    /// Requests of one address, over all reactors of a listener.
    http_server::RateLimit redirect_rate_limit;
    http_server::RateLimit api_rate_limit;
    /// With Redis the limits hold over all instances.
    http_server::LimitExchange::Config limit_exchange;
    /// Links that redirect with every store down; empty: none.
    std::filesystem::path popular_file;
    BurstWatch::Config bursts;
    /// How often links above normal are given another hour in Redis.
    std::chrono::milliseconds mode_renewal{600'000};
    /// PEM files for the redirect and API listeners; empty: plain text.
    std::string tls_certificate;
    std::string tls_key;
    /// Writes a file's content to the disk, as fdatasync, which it is but in tests.
    std::function<int(int fd)> sync_file = ::fdatasync;
    /// How long answers under way may take once the service is told to stop.
    std::chrono::milliseconds drain_timeout{5'000};

    /// Busy threads that redirect nothing.
    enum class OtherThread : std::uint8_t { api, link_writer };
    /// -1: any. With `steer_by_cpu` the CPUs have that work besides: from the last one on, for
    /// where generators are no multiple of the CPUs, the first have more of these. A scheduler that
    /// moves it about makes one of them late.
    int cpu_of(OtherThread thread) const {
        if (!steer_by_cpu || pin.empty()) return -1;
        return pin[pin.size() - 1 - static_cast<std::size_t>(thread) % pin.size()];
    }
};

/// One instance of the service: clicks in the journal; links in SQLite, or shared in PostgreSQL and
/// Redis. The composition root: only here is it known which stores are in use.
class Service {
public:
    /// Listens and serves when it returns. Errors are ready for a person.
    static Result<std::unique_ptr<Service>> start(const ServiceConfig& config);
    /// stop().
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// `ready redirect=HOST:PORT api=HOST:PORT ingest=HOST:PORT admin=HOST:PORT`
    std::string ready_line() const;
    /// Reads the TLS files again; the old certificate stays when they are wrong.
    Result<void> reload_certificates();
    /// Reads the file of places again; the old one stays when it is wrong.
    Result<void> reload_places();
    /// Refuses new connections, answers what was asked, counts what was answered, ends.
    void stop();

private:
    struct Parts;
    explicit Service(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace qck::commands
