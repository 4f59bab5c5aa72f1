#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <set>
#include <string>

#include "base/cpu.hpp"
#include "base/log.hpp"
#include "base/units.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/service.hpp"
#include "cli/commands/store_flags.hpp"
#include "services/links/link_rules.hpp"

namespace qck::commands {
namespace {

constexpr const char* serve_command = "qck serve";
constexpr std::size_t cache_bytes_min = 1024 * 1024;

/// The flags as given; turned into a ServiceConfig once all are known.
struct ServeOptions {
    ServiceConfig config;
    StoreAuthorities authorities;
    std::uint32_t threads = 0;  ///< 0: one for each CPU
    bool quiet = false;
};

Result<bool> parse_durability(std::string_view text) {
    if (text == "process") return false;
    if (text == "power") return true;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a durability (process or power)");
}

Result<std::chrono::milliseconds> parse_timeout(std::string_view text) {
    const auto span = parse_duration(text);
    if (!span) return span.error();
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(*span);
    if (rounded.count() == 0) return error(Errc::invalid_argument, "'0' is not a time above zero");
    return rounded;
}

Result<std::chrono::nanoseconds> parse_busy_poll(std::string_view text) {
    constexpr std::chrono::milliseconds longest{1};
    const auto span = parse_duration(text);
    if (!span || *span <= longest) return span;
    return error(Errc::invalid_argument, "'" + std::string(text) + "' is more than 1ms");
}

/// `HOST:PORT`, or as clients of this listener have it: `http://HOST:PORT`.
Result<net::Address> parse_listener(std::string_view text) {
    std::string_view place = text;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!place.starts_with(scheme)) continue;
        place.remove_prefix(scheme.size());
        if (place.ends_with('/')) place.remove_suffix(1);
        break;
    }
    auto address = net::parse_address(place);
    return address || place == text ? address : net::parse_address(text);
}

Result<std::size_t> parse_cache(std::string_view text) {
    const auto bytes = parse_bytes(text);
    if (!bytes) return bytes.error();
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (*bytes > pages * page_bytes) {
        return error(Errc::invalid_argument,
                     "'" + std::string(text) + "' is more memory than this machine has");
    }
    if (*bytes >= cache_bytes_min) return *bytes;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is too little memory (at least 1MB)");
}

std::string own_host_refusal(const std::string& text) {
    const auto parsed = links::parse_own_host(text);
    return parsed ? "" : parsed.error().message;
}

void add_network_options(CLI::App& app, ServeOptions& options) {
    ServiceConfig& config = options.config;
    const auto add_listener = [&](const char* name, net::Address& place, const char* address,
                                  const char* what) {
        place = *net::parse_address(address);
        add_parsed(app, name, place, parse_listener, std::string(what) + " (" + address + ")",
                   "HOST:PORT");
    };
    add_listener("--listen", config.redirect_address, "127.0.0.1:8080", "Redirects");
    add_listener("--api", config.api_address, "127.0.0.1:8081", "Links API");
    add_listener("--ingest", config.ingest_address, "127.0.0.1:8082",
                 "Events and edge clicks; asks for no token");
    add_listener("--admin", config.admin_address, "127.0.0.1:9090", "Health, metrics, status");
    add_parsed(app, "--tls-cert", config.tls_certificate, readable_file,
               "Certificate chain (PEM) for redirects and API; read again on SIGHUP", "FILE");
    add_parsed(app, "--tls-key", config.tls_key, readable_file, "Its private key (PEM)", "FILE");
    app.add_option("--own-host", config.own_hosts,
                   "A public name of this service; links to it would loop and are refused")
        ->check(CLI::Validator(own_host_refusal, "HOST[:PORT]"));
    app.add_option("--token", config.token,
                   "Bearer token that the API asks for (better: QCK_TOKEN)");
    add_parsed(app, "--rate-limit", config.redirect_rate_limit, http_server::parse_rate_limit,
               "Redirects of one client address, as 100/min; more answer 429 (off)", "N/TIME");
    add_parsed(app, "--api-rate-limit", config.api_rate_limit, http_server::parse_rate_limit,
               "The same for API requests (off)", "N/TIME");
    add_parsed(app, "--connections-max", config.redirect_server.connections_max,
               whole_number(1U, 1'000'000U),
               "Connections of one thread; more are closed on accept (" +
                   std::to_string(config.redirect_server.connections_max) + ")",
               "N");
    add_parsed(app, "--head-timeout", config.redirect_server.head_timeout, parse_timeout,
               "For a request's head to come whole (10s)", "TIME");
    add_parsed(app, "--idle-timeout", config.redirect_server.idle_timeout, parse_timeout,
               "Between requests of a connection (75s)", "TIME");
    add_parsed(app, "--drain-timeout", config.drain_timeout, parse_timeout,
               "For answers under way at the end (5s)", "TIME");
}

void add_journal_options(CLI::App& app, ServeOptions& options) {
    ServiceConfig& config = options.config;
    app.add_option("--data-dir", config.data_dir, "Links, journal and counts")
        ->capture_default_str();
    add_parsed(
        app, "--durability", config.power_safe, parse_durability,
        "What an answered click survives: process (kill -9) or power (a power cut) (process)",
        "LEVEL");
    add_parsed(app, "--journal-full", config.journal_full, clicks::parse_journal_full,
               "When the disk is full: refuse (503) or uncounted (refuse)", "WHAT");
    add_parsed(app, "--journal-keep", config.journal_keep, clicks::parse_journal_keep,
               "Counted segments are kept so long, and so many bytes (24h,8GB)", "TIME,SIZE");
    add_parsed(app, "--journal-segment", config.segment_bytes, parse_bytes,
               "Size of a segment file (64MB)", "SIZE")
        ->group("");
    add_parsed(app, "--dedupe-events", config.dedupe_events,
               whole_number(std::size_t{1'000}, std::size_t{100'000'000}),
               "An ingested item that comes again within so many counts once (" +
                   std::to_string(config.dedupe_events) + ")",
               "N");
    add_parsed(app, "--ip-mode", config.ip_mode, clicks::parse_ip_mode,
               "What is kept of client addresses: full, truncate, hash or none (truncate)", "MODE");
    app.add_option("--geoip", config.geoip,
                   "MaxMind DB file of countries or cities, for clicks without CF-IPCountry; read "
                   "again on SIGHUP")
        ->type_name("FILE");
}

void add_store_options(CLI::App& app, ServeOptions& options) {
    ServiceConfig& config = options.config;
    add_parsed(
        app, "--redis", config.redis, parse_redis_flag,
        "Shares cached links, their changes and counts (better: QCK_REDIS, for its password)",
        "URL[,URL...]");
    add_redis_authority(app, options.authorities);
    add_parsed(app, "--postgres", config.postgres, parse_postgres_flag,
               "Keeps links in PostgreSQL instead of SQLite (better: QCK_POSTGRES)", "URL");
    add_parsed(app, "--postgres-replica", config.postgres_replica, parse_postgres_flag,
               "For reads that may lag", "URL");
    add_parsed(app, "--postgres-sync", config.postgres_sync, parse_timeout,
               "How often it is given the counts (10s)", "TIME");
    add_parsed(app, "--clickhouse", config.clickhouse, parse_clickhouse_flag,
               "Delivers single clicks as rows (better: QCK_CLICKHOUSE)", "URL[,URL...]");
    add_clickhouse_authority(app, options.authorities);
    add_parsed(app, "--uniques", config.uniques, parse_uniques,
               "Where visitors of a link and day are counted: redis, clickhouse, off, or auto: in "
               "ClickHouse when there is one, else in Redis (auto)",
               "WHERE");
    add_parsed(app, "--breaker-failures", config.breaker.failures_max, whole_number(0U, 1'000U),
               "A store that failed so often in a row is left alone for a while; 0: never (" +
                   std::to_string(config.breaker.failures_max) + ")",
               "N");
    add_parsed(app, "--breaker-period", config.breaker.period, parse_timeout,
               "How long, until it is tried again (60s)", "TIME");
}

void add_burst_options(CLI::App& app, ServeOptions& options) {
    ServiceConfig& config = options.config;
    clicks::BurstThresholds& thresholds = config.bursts.thresholds;
    add_parsed(app, "--elevated", thresholds.elevated_per_s, parse_rate,
               "Clicks/s of one link above which it is pinned in the caches and told of (1k)",
               "RATE");
    add_parsed(app, "--burst", thresholds.burst_per_s, parse_rate,
               "Clicks/s above which its events wait in the journal as well (10k)", "RATE");
    add_parsed(app, "--mode-hold", thresholds.hold, parse_timeout,
               "Below half of a threshold for so long, and the mode ends (10s)", "TIME");
    add_parsed(app, "--alert-webhook", config.bursts.alert_webhook, parse_webhook,
               "Where a change of a link's mode is POSTed as JSON", "URL");
    add_parsed(app, "--popular", config.popular_file, readable_file,
               "Links that redirect with every store down, once a start has found them in the "
               "store: lines of CODE or CODE,URL[,STATUS]",
               "FILE");
}

Exit serve(ServeOptions& options) {
    // Blocked before any thread is made, so that all inherit it and this thread alone is told.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    log::set_quiet(options.quiet);

    auto service = Service::start(options.config);
    if (!service) return failed(serve_command, service.error());
    if (!options.config.ingest_address.is_loopback()) {
        log::warn("ingest_open", {{"at", options.config.ingest_address.to_string()},
                                  {"why",
                                   "whoever reaches it can add events and clicks: it asks "
                                   "for no token"}});
    }
    std::printf("%s\n", (*service)->ready_line().c_str());
    std::fflush(stdout);
    while (true) {
        int signal = 0;
        sigwait(&signals, &signal);
        if (signal != SIGHUP) break;
        if (const auto reloaded = (*service)->reload_certificates(); !reloaded) {
            log::error("certificates_kept", {{"why", reloaded.error().message}});
        } else {
            log::info("certificates_reloaded");
        }
        if (options.config.geoip.empty()) continue;
        if (const auto reloaded = (*service)->reload_places(); !reloaded) {
            log::error("geoip_kept", {{"why", reloaded.error().message}});
        } else {
            log::info("geoip_reloaded");
        }
    }
    log::info("draining");
    (*service)->stop();
    return Exit::good;
}

/// Before anything is made: a port that is taken leaves nothing behind.
Result<void> check_ports(const ServiceConfig& config) {
    for (const net::Address* const address : {&config.redirect_address, &config.api_address,
                                              &config.ingest_address, &config.admin_address}) {
        if (address->port() == 0) continue;
        if (const auto free = net::listen_on(*address, 1); !free) return free.error();
    }
    return {};
}

/// What no single flag can tell.
Result<void> check(ServeOptions& options) {
    ServiceConfig& config = options.config;
    if (config.tls_certificate.empty() != config.tls_key.empty()) {
        return error(Errc::invalid_argument, "--tls-cert and --tls-key go together");
    }
    for (const auto& [flag, address] :
         {std::pair{"--api", &config.api_address}, std::pair{"--admin", &config.admin_address}}) {
        if (address->is_loopback() || !config.token.empty()) continue;
        return error(Errc::invalid_argument,
                     std::string(flag) + ": " + address->to_string() +
                         " is open to others: set a token (QCK_TOKEN or --token)");
    }
    if (auto trusted = trust(options.authorities, config.redis, config.clickhouse); !trusted) {
        return trusted;
    }
    if (!config.postgres_replica.empty() && config.postgres.empty()) {
        return error(Errc::invalid_argument, "--postgres-replica needs --postgres");
    }
    if (config.uniques == UniquesIn::redis && !config.redis) {
        return error(Errc::invalid_argument, "--uniques redis needs --redis");
    }
    if (config.uniques == UniquesIn::clickhouse && !config.clickhouse) {
        return error(Errc::invalid_argument, "--uniques clickhouse needs --clickhouse");
    }
    if ((config.uniques == UniquesIn::redis || config.uniques == UniquesIn::clickhouse) &&
        config.ip_mode == clicks::IpMode::none) {
        return error(Errc::invalid_argument,
                     "--uniques: with --ip-mode none nobody tells visitors apart");
    }
    if (config.bursts.thresholds.burst_per_s < config.bursts.thresholds.elevated_per_s) {
        return error(Errc::invalid_argument, "--burst is below --elevated");
    }
    if (options.threads == 0) {
        options.threads = static_cast<std::uint32_t>(config.pin.empty() ? allowed_cpus().size()
                                                                        : config.pin.size());
    }
    config.threads = static_cast<std::uint16_t>(options.threads);
    const std::set<int> own(config.pin.begin(), config.pin.end());
    if (config.steer_by_cpu && (own.size() < config.pin.size() || own.size() < config.threads)) {
        return error(Errc::invalid_argument,
                     "--steer-by-cpu needs --pin, with a CPU of its own for each thread");
    }
    return {};
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<ServeOptions>();
    CLI::App* const command =
        app.add_subcommand("serve", "Run the redirect service, its links API and its counts");
    add_network_options(*command, *options);
    add_journal_options(*command, *options);
    add_store_options(*command, *options);
    add_burst_options(*command, *options);
    add_parsed(*command, "--threads", options->threads, whole_number(1U, 256U),
               "Threads that redirect (one for each CPU)", "N");
    add_parsed(*command, "--pin", options->config.pin, parse_cpu_list,
               "CPUs of these threads, in turn", "CPUS");
    command->add_flag("--steer-by-cpu", options->config.steer_by_cpu,
                      "A connection goes to the thread on the CPU that it comes in on; the API "
                      "and what writes links are on these CPUs, too (needs --pin)");
    add_parsed(*command, "--busy-poll", options->config.busy_poll, parse_busy_poll,
               "They look for requests so long before they sleep, while these come so close (20us; "
               "0s: never)",
               "TIME");
    add_parsed(*command, "--cache", options->config.cache_bytes, parse_cache,
               "Memory for the links asked for most (64MB)", "SIZE");
    command->add_flag("--quiet", options->quiet, "Log warnings and errors only");
    command->callback([options, &chosen] {
        chosen = [options] {
            auto checked = check(*options);
            if (checked) checked = check_ports(options->config);
            return checked ? serve(*options) : failed(serve_command, checked.error());
        };
    });
}

}  // namespace qck::commands
