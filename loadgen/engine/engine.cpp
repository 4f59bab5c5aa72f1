#include "loadgen/engine/engine.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/units.hpp"
#include "loadgen/engine/evidence.hpp"

namespace qck::engine {
namespace {

/// From the moment that all are warm to the start: time for every thread to hear of it.
constexpr std::int64_t lead_ns = 20'000'000;
/// Between looks at who has the CPUs. They are counted in ticks of 10 ms: no use in less.
constexpr std::chrono::nanoseconds cpu_look_gap = std::chrono::milliseconds(200);

/// Whether workers may wait by looking at the clock. Not where that takes the CPU from the target
/// or from another worker: a CPU has to be left over, unless somebody has placed us on purpose.
bool may_spin(std::uint32_t workers, bool pinned) {
    const std::size_t allowed = allowed_cpus().size();
    const auto online = static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN));
    const bool placed = pinned || allowed < online;
    return placed ? workers <= allowed && online > 1 : workers < allowed;
}

/// Requests that may be open at once, over all connections; their records are 32 bytes each.
constexpr std::uint64_t open_requests_max = std::uint64_t{1} << 24;

/// As many addresses of loopback as it takes for so many connections to one of its ports. Others
/// have ports too, and so do connections that were closed just now: half of them are reckoned with.
std::vector<net::Address> loopback_sources(std::uint64_t connections) {
    const std::uint64_t wanted = 2 * connections / local_ports() + 1;
    std::vector<net::Address> sources;
    for (std::uint64_t at = 1; at <= std::min<std::uint64_t>(wanted, 254); ++at) {
        sources.push_back(*net::parse_address("127.0.0." + std::to_string(at) + ":0"));
    }
    return sources;
}

bool all_of_ipv4_loopback(const Target& target) {
    return std::all_of(target.addresses.begin(), target.addresses.end(), [](const auto& address) {
        return address.family() == AF_INET && address.is_loopback();
    });
}

struct Wanted {
    std::uint64_t connections = 0;
    std::uint64_t later = 0;  ///< with what others may hand over
    std::uint64_t here = 0;   ///< of all generators of this machine
};

/// Raises the limit of open files as far as it goes and is needed. `ways`: pairs of a local and a
/// target address.
Result<void> allow_connections(const Wanted& wanted, std::uint64_t ways) {
    const auto refused = [](std::uint64_t count, const std::string& why, std::uint64_t most,
                            const std::string& advice) {
        return error(Errc::invalid_argument, format_count(count) + " connections: " + why +
                                                 " allow " + format_count(most) + " (" + advice +
                                                 ")");
    };
    if (const std::uint64_t ports = local_ports() * ways; wanted.here > ports) {
        return refused(wanted.here, "the local ports (net.ipv4.ip_local_port_range)", ports,
                       "lower --connections or --users, or name more of this machine's addresses "
                       "by --local-address");
    }
    constexpr std::uint64_t others = 256;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted.later + others) {
        return {};
    }
    limit.rlim_cur = std::min<rlim_t>(wanted.later + others, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted.connections + others) return {};
    return refused(wanted.connections, "the open files of a process (ulimit -n)",
                   limit.rlim_cur > others ? limit.rlim_cur - others : 0,
                   "raise it, or offer the load from more processes by --agents");
}

/// Leaves the addresses of `target` that a local one leads to.
Result<void> reach_from(const std::vector<net::Address>& locals, Target& target) {
    if (locals.empty()) return {};
    std::erase_if(target.addresses, [&locals](const net::Address& address) {
        return std::none_of(locals.begin(), locals.end(), [&](const net::Address& local) {
            return local.family() == address.family();
        });
    });
    if (!target.addresses.empty()) return {};
    return error(Errc::invalid_argument,
                 "no local address leads to " + target.origin() + ": IPv4 or IPv6, as it has");
}

/// Sees to it that there are ports and open files for a plan's connections, and for those of its
/// siblings on this machine: they use the same ports.
Result<void> find_room(const scenario::Plan& plan, EngineConfig& config) {
    const std::uint64_t here = std::uint64_t{plan.connections} * std::max(config.siblings, 1U);
    const std::uint64_t targets = config.target.addresses.size();
    const bool loopback =
        all_of_ipv4_loopback(config.target) && (!config.api || all_of_ipv4_loopback(*config.api));
    if (config.local_addresses.empty() && 2 * here > local_ports() * targets && loopback) {
        config.local_addresses = loopback_sources(here);
    }
    const std::uint64_t sources = std::max<std::uint64_t>(config.local_addresses.size(), 1);
    const std::uint64_t later = plan.users ? plan.users->count() : plan.connections;
    return allow_connections({plan.connections, later, here}, targets * sources);
}

}  // namespace

Engine::Engine(const scenario::Plan& plan, EngineConfig config)
    : plan_(plan),
      config_(std::move(config)),
      timetable_(plan_, config_.closed_loop),
      mix_(plan_),
      messages_(plan_, config_.target.host_header(),
                config_.api ? config_.api->host_header() : std::string(), mix_),
      setup_{.target = config_.target,
             .api = config_.api ? &*config_.api : nullptr,
             .requests = plan_.requests,
             .messages = messages_,
             .mix = mix_,
             .timetable = timetable_,
             .local_addresses = config_.local_addresses},
      frame_(plan_, timetable_, config_.closed_loop) {}

Result<std::unique_ptr<Engine>> Engine::start(const scenario::Plan& plan, EngineConfig config) {
    if (config.target.addresses.empty() || plan.phases.empty() || plan.requests.empty()) {
        return error(Errc::invalid_argument, "a run needs a target address, a phase and a request");
    }
    if (config.closed_loop && config.stripe && config.stripe->lanes().empty()) {
        return error(Errc::invalid_argument, "a closed loop needs a lane of the requests");
    }
    const bool asks_api = std::any_of(plan.requests.begin(), plan.requests.end(),
                                      [](const auto& kind) { return kind.to_api; });
    if (asks_api && (!plan.users || config.closed_loop)) {
        return error(Errc::invalid_argument, "only users ask an API");
    }
    if (asks_api && (!config.api || config.api->addresses.empty())) {
        return error(Errc::invalid_argument, "a run with requests to an API needs its address");
    }
    if (std::uint64_t{plan.connections} * plan.pipeline > open_requests_max) {
        return error(Errc::invalid_argument,
                     std::to_string(plan.connections) + " connections with a pipeline of " +
                         std::to_string(plan.pipeline) + " are more than " +
                         std::to_string(open_requests_max) + " open requests");
    }
    if (auto led = reach_from(config.local_addresses, config.target); !led) return led.error();
    if (config.api) {
        if (auto led = reach_from(config.local_addresses, *config.api); !led) return led.error();
    }
    if (auto found = find_room(plan, config); !found) return found.error();
    std::unique_ptr<Engine> engine(new Engine(plan, std::move(config)));
    if (auto ready = engine->set_up(); !ready) return ready.error();
    engine->launch();
    return engine;
}

Result<void> Engine::set_up() {
    if (config_.target.tls || (config_.api && config_.api->tls)) {
        auto context = net::TlsClientContext::create(config_.tls);
        if (!context) return context.error();
        tls_ = std::move(*context);
    }
    const std::uint32_t connections = std::max(plan_.connections, 1U);
    std::uint32_t workers = std::clamp(config_.threads, 1U, connections);
    // In a closed loop every worker makes requests for as long as it runs, and needs a lane to.
    if (config_.closed_loop && config_.stripe) {
        const auto lanes = static_cast<std::uint32_t>(config_.stripe->lanes().size());
        workers = std::min(workers, lanes);
    }
    setup_.tls = tls_.get();
    setup_.timeout_ns = plan_.timeout.count();
    setup_.connect_timeout_ns = std::min(config_.connect_timeout, plan_.timeout).count();
    setup_.run_ns = timetable_.curve().duration_ns();
    setup_.arrival = plan_.arrival;
    setup_.seed = plan_.seed;
    setup_.pipeline = std::max(plan_.pipeline, 1U);
    setup_.closed_loop = config_.closed_loop;
    setup_.feed = config_.feed;
    setup_.may_spin = may_spin(workers * std::max(config_.siblings, 1U), !config_.cpus.empty());
    const std::size_t cpus = config_.cpus.empty() ? allowed_cpus().size() : config_.cpus.size();
    setup_.sharers = std::max<std::uint32_t>(
        workers * config_.siblings / static_cast<std::uint32_t>(std::max<std::size_t>(cpus, 1)), 1);
    setup_.new_connections_per_s = plan_.new_connections_per_s / workers;
    setup_.interrupt_drain_ns = std::min(config_.interrupt_drain, plan_.timeout).count();
    control_.may_end.store(!config_.guided);
    for (std::uint32_t at = 0; at < workers; ++at) {
        const std::uint32_t share = connections / workers + (at < connections % workers ? 1 : 0);
        workers_.push_back(std::make_unique<Worker>(
            setup_, control_,
            config_.stripe ? config_.stripe->part(at, workers) : schedule::Stripe::of(at, workers),
            frame_.shape(), share, at));
    }
    outcomes_.resize(workers);
    return {};
}

bool Engine::target_is_here() const {
    const auto& addresses = config_.target.addresses;
    return std::any_of(addresses.begin(), addresses.end(),
                       [](const net::Address& one) { return one.is_loopback(); });
}

/// A target on this machine is late, too, when its CPUs are taken.
void Engine::watch_machine() {
    CpuWatch::Config watch;
    if (!target_is_here()) watch.cpus = config_.cpus.empty() ? allowed_cpus() : config_.cpus;
    if (config_.service > 0) watch.ours.push_back(config_.service);
    watch.threads = workers_.size();
    watch.every = std::max(cpu_look_gap, std::chrono::nanoseconds(frame_.shape().interval_ns));
    network_watch_.emplace(config_.target.addresses.front(), watch.every);
    cpu_watch_.emplace(std::move(watch));
}

void Engine::launch() {
    watch_machine();
    retransmits_before_ = retransmitted_segments();
    for (std::size_t at = 0; at < workers_.size(); ++at) {
        threads_.emplace_back([this, at] {
            name_thread("qck-load");
            cpu_watch_->thread_started(at, ::gettid());
            if (!config_.cpus.empty()) {
                const auto pinned = pin_thread(config_.cpus[at % config_.cpus.size()]);
                if (!pinned) outcomes_[at] = pinned.error();
            }
            if (auto ran = workers_[at]->run(); !ran) outcomes_[at] = ran.error();
        });
    }
}

void Engine::start_when_warm() const {
    if (config_.guided || control_.start_ns.load() != 0 ||
        control_.warmed_up.load() < workers_.size())
        return;
    std::int64_t unset = 0;
    control_.start_ns.compare_exchange_strong(unset, monotonic_ns() + lead_ns);
}

bool Engine::wait_for(std::chrono::nanoseconds span) {
    const std::int64_t until = monotonic_ns() + span.count();
    for (;;) {
        start_when_warm();
        look_at_machine();
        if (control_.ended.load() == workers_.size()) return true;
        const std::int64_t left = until - monotonic_ns();
        if (left <= 0) return false;
        std::this_thread::sleep_for(
            std::chrono::nanoseconds(std::min<std::int64_t>(left, 5'000'000)));
    }
}

void Engine::take_over(const schedule::Stripe& stripe) {
    const auto workers = static_cast<std::uint32_t>(workers_.size());
    for (std::uint32_t at = 0; at < workers; ++at) {
        workers_[at]->take_over(stripe.part(at, workers));
    }
}

record::Gain Engine::take_gain(bool whole) {
    look_at_machine();
    if (told_.empty()) {
        for (std::size_t at = 0; at < workers_.size(); ++at) {
            told_.push_back(std::make_unique<record::WorkerRecord>(frame_.shape()));
        }
    }
    record::Gain gain;
    for (std::size_t at = 0; at < workers_.size(); ++at) {
        record::append(workers_[at]->record().take_gain(*told_[at], whole), gain);
    }
    return gain;
}

Engine::~Engine() {
    stop_now();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

ConnectionCounts Engine::connection_counts() const {
    ConnectionCounts counts;
    for (const auto& worker : workers_) {
        counts.open += static_cast<std::uint32_t>(worker->evidence().connections_open.value());
        counts.failures += worker->connect_failures();
        if (worker->connect_failures() > 0) counts.cause = worker->last_connect_cause();
    }
    return counts;
}

void Engine::look_at_machine() {
    const std::chrono::nanoseconds at = since_start();
    if (at.count() < 0) return;
    cpu_watch_->look(at);
    network_watch_->look(at);
}

std::chrono::nanoseconds Engine::since_start() const {
    const std::int64_t start = control_.start_ns.load();
    return std::chrono::nanoseconds(start == 0 ? -1 : monotonic_ns() - start);
}

record::Progress Engine::progress() const {
    record::Progress progress;
    const std::int64_t at = since_start().count();
    progress.elapsed = std::chrono::nanoseconds(at);
    progress.planned = std::chrono::nanoseconds(timetable_.curve().duration_ns());
    progress.phase = timetable_.curve().phase_at(std::max<std::int64_t>(at, 0));
    progress.phase_left = std::chrono::nanoseconds(
        std::max<std::int64_t>(timetable_.curve().end_of_ns(progress.phase) - at, 0));
    progress.draining = at >= timetable_.curve().duration_ns() || control_.stop_early.load();
    progress.target_rate_per_s = config_.closed_loop ? 0 : timetable_.curve().rate_at(at);
    progress.connections_wanted = std::max(plan_.connections, 1U);
    // The interval in progress is left out: it would read low.
    const auto now =
        static_cast<std::size_t>(std::max<std::int64_t>(at, 0) / frame_.shape().interval_ns);
    const auto depth = static_cast<std::size_t>(
        std::max<std::int64_t>(1'000'000'000 / frame_.shape().interval_ns, 1));
    const std::size_t to = std::min(now, frame_.shape().intervals);
    const std::size_t from = to > depth ? to - depth : 0;
    const double seconds =
        static_cast<double>(to - from) * static_cast<double>(frame_.shape().interval_ns) / 1e9;
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    for (const auto& worker : workers_) {
        progress.so_far += worker->record().so_far();
        worker->record().add_latencies(from, to, progress.recent);
        for (std::size_t interval = from; interval < to; ++interval) {
            sent += worker->record().sent_in(interval);
            answered += worker->record().answered_in(interval);
        }
    }
    const ConnectionCounts connections = connection_counts();
    progress.connections_open = connections.open;
    progress.connect_failures = connections.failures;
    progress.connect_cause = connections.cause;
    if (seconds > 0) {
        progress.sent_rate_per_s = static_cast<double>(sent) / seconds;
        progress.answered_rate_per_s = static_cast<double>(answered) / seconds;
    }
    return progress;
}

Result<record::RunResult> Engine::finish() {
    while (!wait_for(std::chrono::seconds(1))) {
    }
    cpu_watch_->end(since_start());
    network_watch_->end(since_start());
    for (std::thread& thread : threads_) thread.join();
    for (const auto& outcome : outcomes_) {
        if (!outcome) return outcome.error();
    }
    const std::int64_t start = control_.start_ns.load();
    record::RunResult result = frame_.empty();
    const std::int64_t ran = start == 0 ? 0 : std::max<std::int64_t>(monotonic_ns() - start, 0);
    result.started_wall_ms = wall_ms() - ran / 1'000'000;
    for (const auto& worker : workers_) worker->record().add_to(result);
    frame_.finish(result, ran, control_.stop_early.load() || control_.stop_now.load());
    add_evidence(result);
    return result;
}

void Engine::add_evidence(record::RunResult& result) const {
    record::GeneratorEvidence& evidence = result.generator;
    for (std::size_t at = 0; at < workers_.size(); ++at) {
        const Worker::Evidence& worker = workers_[at]->evidence();
        record::ThreadResult thread;
        if (!config_.cpus.empty()) thread.cpu = config_.cpus[at % config_.cpus.size()];
        thread.cpu_time = std::chrono::nanoseconds(worker.cpu_ns);
        thread.began_late = std::chrono::nanoseconds(worker.began_late_ns);
        thread.wall_time = std::chrono::nanoseconds(worker.wall_ns);
        if (const Pacer* pacer = workers_[at]->pacer()) {
            thread.spin_time = std::chrono::nanoseconds(pacer->spin_ns());
            thread.wakeups = pacer->wakeups();
            thread.wake_lag = pacer->wake_lag();
        }
        evidence.cpu_share_max =
            std::max({evidence.cpu_share_max, worker.cpu_share_max, thread.cpu_share()});
        evidence.threads.push_back(std::move(thread));
        evidence.connections_opened += worker.connections_opened.value();
        evidence.connections_lost += worker.connections_lost.value();
        evidence.connections_open_max += worker.connections_open_max;
        for (std::size_t cause = 0; cause < record::cause_count; ++cause) {
            evidence.connect_failed_by[cause] += worker.connect_failed_by[cause];
        }
    }
    evidence.cpu_stretches = cpu_watch_->stretches();
    evidence.target_is_here = target_is_here();
    const record::CpuShares shares =
        record::shares_of(evidence.cpu_stretches, std::chrono::nanoseconds(0), result.duration);
    evidence.steal_share = shares.stolen;
    evidence.others_share = shares.others;
    if (!network_watch_->interface().name.empty()) {
        evidence.interfaces.push_back(network_watch_->interface());
    }
    evidence.sockets = network_watch_->sockets();
    evidence.retransmits = retransmitted_segments() - retransmits_before_;
}

}  // namespace qck::engine
