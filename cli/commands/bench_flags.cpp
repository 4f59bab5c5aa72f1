#include <charconv>
#include <memory>

#include "base/cpu.hpp"
#include "base/units.hpp"
#include "cli/commands/bench.hpp"
#include "cli/commands/bench_orchestrator.hpp"
#include "cli/commands/bench_repeat.hpp"
#include "cli/commands/bench_search.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/local_addresses.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/typed_command.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::commands {
namespace {

namespace limits = scenario::limits;

Result<std::chrono::nanoseconds> parse_positive_duration(std::string_view text) {
    auto span = parse_duration(text);
    if (span && span->count() <= 0) {
        return error(Errc::invalid_argument, "'" + std::string(text) + "' is not a time above 0");
    }
    return span;
}

/// As parse_positive_duration, and within what latencies are recorded up to.
Result<std::chrono::nanoseconds> parse_timeout(std::string_view text) {
    auto span = parse_positive_duration(text);
    if (span && (*span > limits::timeout_max || *span < std::chrono::milliseconds(1))) {
        return error(Errc::invalid_argument,
                     "'" + std::string(text) + "' is not a time from 1ms to 1h");
    }
    return span;
}

Result<std::chrono::nanoseconds> parse_length(std::string_view text) {
    auto span = parse_positive_duration(text);
    if (span && *span > limits::duration_max) {
        return error(Errc::invalid_argument, "'" + std::string(text) + "' is longer than " +
                                                 std::string(limits::duration_max_text));
    }
    return span;
}

Result<double> parse_compress(std::string_view text) {
    double factor = 0;
    const char* const end = text.data() + text.size();
    const auto taken = std::from_chars(text.data(), end, factor);
    if (taken.ec == std::errc() && taken.ptr == end && factor >= 1 && factor <= 1e6) return factor;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a number from 1 to 1000000");
}

void add_target_flags(CLI::App& app, BenchOptions& options) {
    const bool crowd = options.mode == BenchMode::orchestrator;
    app.add_option("--target", options.target,
                   crowd ? "Where readers ask (a service is started as by --serve)"
                         : "Where to (the service on the default ports, its link `viral`)")
        ->type_name("URL");
    // A log asks for links of its own, which a service that is started now has not.
    if (options.mode != BenchMode::replay) {
        app.add_flag("--serve", options.serve,
                     "Start an embedded qck serve, and reconcile its counts at the end");
        CLI::Option* const api =
            app.add_option("--api", options.api,
                           crowd ? "Links API, where writers write (port 8081 of the target's host)"
                                 : "Links API, where missing links are added: without --target, or "
                                   "when it is typed");
        api->type_name("URL");
        if (!crowd) api->capture_default_str();
        app.add_option("--token", options.token, "Its bearer token (better: QCK_TOKEN)");
        // Nor is a pause of the log to be told from one on the way.
        add_parsed(app, "--admin", options.admin, client::parse_admin_url,
                   "Admin listener of a target that is a qck serve, which then says how requests "
                   "arrived (without --target port 9090)",
                   "URL");
    }
    app.add_flag("--allow-public", options.allow_public,
                 "Allow targets outside loopback and private ranges");
    app.add_flag("--insecure", options.insecure, "Take any TLS certificate of the target");
    add_parsed(app, "--ca", options.ca_file, readable_file,
               "PEM file of the authorities to trust, for target and API", "FILE");
}

/// --serve and --target exclude each other; one that was typed wins over one that was inherited.
void settle_target(BenchOptions& options) {
    if (!options.serve || options.target.empty()) return;
    const bool serve_typed = was_typed("--serve");
    if (serve_typed == was_typed("--target")) throw CLI::ExcludesError("--serve", "--target");
    if (serve_typed) {
        options.target.clear();
    } else {
        options.serve = false;
    }
}

void add_load_flags(CLI::App& app, BenchOptions& options) {
    const auto number = [&](const char* name, auto& place, const char* help, std::uint32_t most) {
        add_parsed(app, name, place, whole_number(1U, most), help, "N");
    };
    // A user has one connection, and one request open on it.
    if (options.mode != BenchMode::orchestrator) {
        number("--connections", options.connections, "Connections, over all threads",
               limits::connections_max);
        number("--pipeline", options.pipeline, "Requests open on a connection",
               limits::pipeline_max);
    }
    number("--threads", options.threads, "Threads of the generator (half of the CPUs)",
           limits::threads_max);
    add_parsed(app, "--pin", options.pin, parse_cpu_list, "CPUs of these threads, in turn", "CPUS");
    add_parsed(app, "--timeout", options.timeout, parse_timeout,
               "From the due time; then a request has timed out or is given up unsent", "TIME");
    // A log says what is asked for and when; nothing of it is drawn.
    if (options.mode != BenchMode::replay) {
        add_parsed(app, "--seed", options.seed, whole_number(std::uint64_t{0}),
                   "Of all that is random in a run", "N");
    }
    add_parsed(app, "--local-address", options.local_addresses, parse_local_addresses,
               "Addresses of this machine that connections go out from, in turn", "IP,...");
    const bool even = options.mode == BenchMode::max || options.mode == BenchMode::orchestrator ||
                      options.mode == BenchMode::replay;
    if (!even) {
        app.add_flag("--poisson", options.poisson, "Random arrivals instead of even ones");
    }
}

/// A number of agents, or where they are.
struct Agents {
    std::size_t count = 0;
    std::vector<std::string> dial;
};

Result<Agents> parse_agents(std::string_view text) {
    constexpr std::size_t most = 1000;
    Agents agents;
    if (text.find_first_not_of("0123456789") == std::string_view::npos) {
        auto count = whole_number(std::size_t{1}, most)(text);
        if (!count) return count.error();
        agents.count = *count;
        return agents;
    }
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view one = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
        const auto colon = one.rfind(':');
        if (colon == std::string_view::npos || colon == 0 || colon + 1 == one.size()) {
            return error(Errc::invalid_argument,
                         "'" + std::string(one) +
                             "' is neither a number of agents nor HOST:PORT of one (try 4, or "
                             "host1:7070,host2:7070)");
        }
        agents.dial.emplace_back(one);
    }
    if (agents.dial.size() > most) {
        return error(Errc::invalid_argument, "more than " + std::to_string(most) + " agents");
    }
    return agents;
}

void add_fleet_flags(CLI::App& app, FleetOptions& options) {
    app.add_option_function<std::string>(
           "--agents",
           [&options](const std::string& text) {
               auto agents = parse_agents(text);
               if (!agents) throw CLI::ValidationError("--agents", agents.error().message);
               options.count = agents->count;
               options.dial = std::move(agents->dial);
           },
           "Offer the load from so many processes, or from qck agents at HOST:PORT,...")
        ->type_name("N|LIST");
    app.add_option("--agents-listen", options.listen,
                   "Wait here for --agents N that dial in (qck agent --join)")
        ->type_name("HOST:PORT");
    add_parsed(app, "--agents-within", options.within, parse_positive_duration,
               "How long agents are waited for (30s)", "TIME");
    app.add_option("--fleet-token", options.token,
                   "What agents have to know as well (better: QCK_FLEET_TOKEN)");
    add_parsed(app, "--fleet-token-file", options.token_file, readable_file,
               "File whose first line is that token", "FILE");
    add_parsed(app, "--agents-ca", options.ca_file, readable_file,
               "Dial agents by TLS; PEM file of the authorities to trust", "FILE");
    add_parsed(app, "--agents-cert", options.certificate_file, readable_file,
               "Agents dial in by TLS; PEM file of the certificate", "FILE");
    add_parsed(app, "--agents-key", options.key_file, readable_file, "PEM file of its key", "FILE");
}

/// Typed flags that would do nothing. Those of the environment may be there for another command.
void refuse_idle_fleet_flags(const FleetOptions& options) {
    if (options.any() || !options.listen.empty()) return;
    for (const char* const flag : {"--agents-within", "--fleet-token", "--fleet-token-file",
                                   "--agents-ca", "--agents-cert", "--agents-key"}) {
        if (!was_typed(flag)) continue;
        throw CLI::ValidationError(flag, "is for agents, and there are none (--agents)");
    }
}

void add_result_flags(CLI::App& app, BenchOptions& options) {
    app.add_option_function<std::vector<std::string>>(
           "--slo",
           [&options](const std::vector<std::string>& expressions) {
               for (const std::string& expression : expressions) {
                   auto objective = report::parse_slo(expression);
                   if (!objective) {
                       throw CLI::ValidationError("--slo", objective.error().message);
                   }
                   options.objectives.push_back(std::move(*objective));
               }
           },
           "Objective, of the run or of a phase: p99<5ms, errors<0.1%, peak:p999<20ms")
        ->type_name("EXPR")
        ->allow_extra_args(false);
    app.add_option("--out", options.out, "Directory of the report (runs/<time>-<scenario>)")
        ->type_name("DIR");
    app.add_option("--metrics", options.metrics,
                   "Answer GET /metrics here while the load runs, for Prometheus")
        ->type_name("HOST:PORT");
    app.add_option("--ui", options.ui,
                   "Serve a page here that shows the run, can stop it, and has its report")
        ->type_name("HOST:PORT");
    app.add_flag("--json", options.json, "Print report.json instead of a summary");
    app.add_flag("--quiet", options.quiet, "Print nothing but errors, and why a run is not good");
}

Result<double> parse_precision(std::string_view text) {
    const bool percents = !text.empty() && text.back() == '%';
    const std::string_view digits = percents ? text.substr(0, text.size() - 1) : text;
    double share = 0;
    const char* const end = digits.data() + digits.size();
    const auto taken = std::from_chars(digits.data(), end, share);
    if (percents) share /= 100;
    if (taken.ec == std::errc() && taken.ptr == end && share >= 0.001 && share <= 1) return share;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a share from 0.1% to 100% (try 5%)");
}

Result<double> parse_speed(std::string_view text) {
    double factor = 0;
    const char* const end = text.data() + text.size();
    const auto taken = std::from_chars(text.data(), end, factor);
    if (taken.ec == std::errc() && taken.ptr == end && factor >= 0.001 && factor <= 1e6) {
        return factor;
    }
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a number from 0.001 to 1000000");
}

void add_replay_flags(CLI::App& app, BenchOptions& options) {
    app.add_option("log", options.log_file, "Access log")->required()->type_name("LOG");
    add_parsed(app, "--format", options.log_format, replay::parse_log_format,
               "common (also combined), w3c, ndjson or ms-uri (told from the first lines)",
               "FORMAT");
    add_parsed(app, "--speed", options.speed, parse_speed, "Times as fast as the log (1)", "X");
}

void add_search_flags(CLI::App& app, BenchOptions& options) {
    search::SearchSettings& search = options.search;
    app.add_option("scenario", options.scenario_file,
                   "Scenario file whose requests are made (GETs of the target's path)")
        ->type_name("SCENARIO.json");
    add_parsed(app, "--from", search.from_per_s, parse_rate, "The first rate (1k)", "RATE");
    add_parsed(app, "--to", search.to_per_s, parse_rate, "No rate above this (1G)", "RATE");
    add_parsed(app, "--precision", search.precision, parse_precision,
               "How near below the lowest rate that failed the answer lies (5%)", "SHARE");
    add_parsed(app, "--step", search.step, parse_length, "Length of a step (5s)", "TIME");
    add_parsed(app, "--confirm", search.confirm, parse_length,
               "Length of the run that confirms the answer (20s)", "TIME");
    add_parsed(app, "--settle", search.settle_max, parse_length,
               "How long at most the target may take to get over a rate that failed (30s)", "TIME");
    add_parsed(app, "--tries", search.tries, whole_number(1U, 10U),
               "Times that a rate has to fail in a row (2)", "N");
}

/// Counts that the target keeps itself, whatever it is.
void add_count_flags(CLI::App& app, BenchOptions& options) {
    CLI::Option* const url =
        app.add_option("--count-url", options.count_url,
                       "Answers with the target's own count of clicks; asked before and after")
            ->type_name("URL");
    CLI::Option* const command =
        app.add_option("--count-cmd", options.count_command,
                       "Prints that count: a program and its words, without a shell")
            ->type_name("CMD");
    url->excludes(command);
    app.add_option("--count-pointer", options.count_pointer,
                   "Where in the JSON of either the count stands (RFC 6901); else it is all of it")
        ->type_name("/PATH");
    add_parsed(app, "--count-within", options.count_within, parse_positive_duration,
               "How long after the run the count may take to be right (10s)", "TIME");
}

void add_shape_flags(CLI::App& app, BenchOptions& options) {
    switch (options.mode) {
        case BenchMode::viral:
            add_parsed(app, "--rate", options.rate_per_s, parse_rate, "Peak of the burst (10M)",
                       "RATE");
            app.add_flag("--strict", options.strict,
                         "Fail (exit 3) instead of running at the largest 1:K that can be offered");
            break;
        case BenchMode::run:
            app.add_option("scenario", options.scenario_file, "Scenario file")
                ->required()
                ->type_name("SCENARIO.json");
            add_parsed(app, "--rate", options.rate_per_s, parse_rate,
                       "Scale the scenario to this peak", "RATE");
            break;
        case BenchMode::constant:
            add_parsed(app, "--rate", options.rate_per_s, parse_rate, "Requests per second", "RATE")
                ->required();
            break;
        case BenchMode::search:
            add_search_flags(app, options);
            return;
        case BenchMode::replay:
            add_replay_flags(app, options);
            return;
        case BenchMode::max:
            break;
        case BenchMode::orchestrator:
            add_crowd_flags(app, options.crowd);
            break;
    }
    if (options.mode == BenchMode::viral || options.mode == BenchMode::run) {
        add_parsed(app, "--compress", options.compress, parse_compress,
                   "Time runs this many times shorter, rates stay", "N");
    } else {
        add_parsed(app, "--duration", options.duration, parse_length, "How long (10s)", "TIME");
    }
}

void add_mode(CLI::App& bench, Chosen& chosen, BenchMode mode, const char* help) {
    auto options = std::make_shared<BenchOptions>();
    options->mode = mode;
    CLI::App* const app = bench.add_subcommand(mode_name(mode), help);
    add_shape_flags(*app, *options);
    add_target_flags(*app, *options);
    add_load_flags(*app, *options);
    // One process reads a log, and offers it.
    if (mode != BenchMode::replay) add_fleet_flags(*app, options->fleet);
    add_result_flags(*app, *options);
    if (mode != BenchMode::search) {
        add_count_flags(*app, *options);
        add_parsed(*app, "--repeat", options->repeat, whole_number(1U, repeat_max),
                   "Run it so many times, into 1, 2, 3, … of --out, for qck report compare", "N");
    }
    app->callback([options, &chosen] {
        settle_target(*options);
        if (options->mode == BenchMode::orchestrator) settle_crowd(*options);
        refuse_idle_fleet_flags(options->fleet);
        options->api_typed = was_typed("--api");
        options->admin_typed = was_typed("--admin");
        if (options->admin_typed && options->serve) throw CLI::ExcludesError("--admin", "--serve");
        const bool search = options->mode == BenchMode::search;
        chosen = [options, search] { return search ? run_search(*options) : run_bench(*options); };
    });
}

}  // namespace

void add_bench(CLI::App& app, Chosen& chosen) {
    CLI::App* const bench =
        app.add_subcommand("bench", "Offer load, judge the run, and prove the counts");
    bench->require_subcommand(1);
    add_mode(*bench, chosen, BenchMode::viral, "Replay the viral burst, fitted to this machine");
    add_mode(*bench, chosen, BenchMode::run, "Run a scenario file");
    add_mode(*bench, chosen, BenchMode::constant, "Offer a constant rate (open loop)");
    add_mode(*bench, chosen, BenchMode::max,
             "Keep every connection busy (closed loop): what can be had at most");
    add_mode(*bench, chosen, BenchMode::search,
             "Find the largest rate that holds the objectives (--slo)");
    add_mode(*bench, chosen, BenchMode::orchestrator,
             "Readers and writers, each with a connection and a rate (100,000/s)");
    add_mode(*bench, chosen, BenchMode::replay, "Replay an access log");
}

}  // namespace qck::commands
