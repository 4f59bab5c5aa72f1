#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "base/units.hpp"
#include "cli/commands/admin_connection.hpp"
#include "cli/commands/bounded_line.hpp"
#include "cli/commands/cache_request.hpp"
#include "cli/commands/code_option.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/options.hpp"
#include "cli/render/cache_tables.hpp"
#include "cli/render/terminal.hpp"
#include "services/links/link_rules.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

/// Codes of one request: at a rate so many that the pace is kept within a quarter of a second.
constexpr std::size_t batch_max = 500;
constexpr std::size_t batches_per_s = 4;
/// Named on stderr; of more the number is said.
constexpr std::size_t names_shown = 10;

struct CacheOptions {
    AdminConnection connection;
    std::vector<std::string> codes;
    std::string codes_file;
    std::size_t top = 0;  ///< 0: not asked for
    std::uint32_t span_hours = 1;
    std::optional<double> rate_per_s;
};

std::string command_of(const std::string& verb) { return "qck cache " + verb; }

/// Warming reads links from a store that may be busy.
client::RestClient open(const CacheOptions& options, const std::string& verb,
                        net::BlockingHttp::GiveUp give_up = {}) {
    return options.connection.open(command_of(verb), std::chrono::minutes(2), std::move(give_up));
}

Exit cache_failed(const std::string& verb, const Error& error) {
    return failed(command_of(verb).c_str(), error);
}

/// Puts the answer into `json`.
Result<void> ask(client::RestClient& client, const char* method, const std::string& target,
                 const std::string& body, Json& json) {
    const auto answer = client.call(method, target, body);
    if (!answer) return answer.error();
    json = Json::parse(answer->body, nullptr, false);
    if (!json.is_object()) {
        return error(Errc::unavailable, "the answer of " + target + " is no JSON object");
    }
    return {};
}

constexpr std::size_t code_line_bytes_max = 4096;

/// A code a line; empty lines and those that begin with # are passed over.
Result<std::vector<std::string>> read_codes(const std::string& file) {
    std::ifstream input(file);
    if (!input) return error(Errc::invalid_argument, "--codes: cannot read " + file);
    std::vector<std::string> codes;
    std::string line;
    for (std::size_t number = 1;; ++number) {
        const LineRead read = read_line(input, code_line_bytes_max, line);
        if (read == LineRead::end) break;
        if (read == LineRead::too_long) {
            return error(Errc::invalid_argument,
                         file + ":" + std::to_string(number) + ": a line longer than 4096 bytes");
        }
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty() || line.front() == '#') continue;
        if (const auto checked = links::check_code(line); !checked) {
            return error(Errc::invalid_argument,
                         file + ":" + std::to_string(number) + ": " + checked.error().message);
        }
        codes.push_back(line);
    }
    if (codes.empty()) return error(Errc::invalid_argument, "--codes: " + file + " has no code");
    return codes;
}

Result<std::vector<std::string>> codes_to_warm(const CacheOptions& options,
                                               client::RestClient& client) {
    const int ways = !options.codes.empty() + !options.codes_file.empty() + (options.top > 0);
    if (ways != 1) {
        return error(Errc::invalid_argument, "expected one of CODE..., --codes FILE and --top N");
    }
    if (!options.codes.empty()) return options.codes;
    if (!options.codes_file.empty()) return read_codes(options.codes_file);
    Json top;
    const auto asked = ask(client, "GET",
                           "/v1/cache/top?n=" + std::to_string(options.top) +
                               "&span=" + std::to_string(options.span_hours) + "h",
                           {}, top);
    if (!asked) return asked.error();
    std::vector<std::string> codes;
    for (const auto& link : top.value("links", Json::array())) {
        codes.push_back(link.value("code", std::string()));
    }
    return codes;
}

/// What the requests of one command came to.
struct OrderOutcome {
    std::size_t codes = 0;         ///< that there were
    std::size_t answered = 0;      ///< of them
    bool interrupted = false;      ///< by the user
    std::optional<Error> stopped;  ///< why the rest was not asked for
    std::vector<std::string> done;
    std::vector<std::string> not_found;
    std::vector<std::string> failed;
    std::vector<std::string> no_room;
    std::string only_here;                  ///< why other instances did not hear of it
    std::optional<std::uint64_t> in_redis;  ///< of what was warmed; empty without Redis
    std::vector<std::string> not_in_redis;
    std::string redis_error;  ///< why they are not

    void take(const Json& answer, const char* participle) {
        const auto append = [&](std::vector<std::string>& all, const char* name) {
            for (const auto& code : answer.value(name, Json::array())) {
                all.push_back(code.get<std::string>());
            }
        };
        append(done, participle);
        append(not_found, "not_found");
        append(failed, "failed");
        append(no_room, "no_room");
        append(not_in_redis, "not_in_redis");
        const auto filled = answer.find("in_redis");
        if (filled != answer.end() && filled->is_number_unsigned()) {
            in_redis = in_redis.value_or(0) + filled->get<std::uint64_t>();
        }
        if (redis_error.empty()) redis_error = answer.value("redis_error", std::string());
        const auto why = answer.value("only_here", std::string());
        if (!why.empty()) only_here = why;
    }
    bool good() const {
        return not_found.empty() && failed.empty() && no_room.empty() && only_here.empty() &&
               not_in_redis.empty();
    }
};

void sleep_until(std::chrono::steady_clock::time_point due, const InterruptWatch& interrupts) {
    constexpr std::chrono::milliseconds look_every{50};
    for (auto now = std::chrono::steady_clock::now(); now < due && interrupts.count() == 0;
         now = std::chrono::steady_clock::now()) {
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(due - now, look_every));
    }
}

/// In batches, each when its first code is due; until one fails, or the user wants no more.
OrderOutcome order(client::RestClient& client, const std::string& verb, const char* participle,
                   const std::vector<std::string>& codes, std::optional<double> rate_per_s,
                   const InterruptWatch& interrupts) {
    std::size_t batch = batch_max;
    if (rate_per_s) {
        batch = std::clamp<std::size_t>(static_cast<std::size_t>(*rate_per_s / batches_per_s), 1,
                                        batch_max);
    }
    const bool progress = ::isatty(STDERR_FILENO) == 1 && codes.size() > batch;
    const auto begin = std::chrono::steady_clock::now();
    OrderOutcome outcome;
    outcome.codes = codes.size();
    for (std::size_t at = 0; at < codes.size(); at += batch) {
        if (rate_per_s) {
            const std::chrono::duration<double> due(static_cast<double>(at) / *rate_per_s);
            sleep_until(begin + std::chrono::duration_cast<std::chrono::nanoseconds>(due),
                        interrupts);
        }
        if (interrupts.count() > 0) break;
        const auto end = std::min(codes.size(), at + batch);
        const std::vector<std::string> part(codes.begin() + static_cast<std::ptrdiff_t>(at),
                                            codes.begin() + static_cast<std::ptrdiff_t>(end));
        Json answer;
        const auto asked =
            ask(client, "POST", "/v1/cache/" + verb, Json{{"codes", part}}.dump(), answer);
        if (!asked) {
            outcome.stopped = asked.error();
            break;
        }
        outcome.take(answer, participle);
        outcome.answered = end;
        if (progress) {
            std::fprintf(stderr, "\r%s of %s", format_count(end).c_str(),
                         format_count(codes.size()).c_str());
        }
    }
    if (progress) std::fputs("\r\x1b[K", stderr);
    outcome.interrupted = interrupts.count() > 0 && outcome.answered < codes.size();
    return outcome;
}

void complain(const std::string& verb, const char* what, const std::vector<std::string>& codes) {
    if (codes.empty()) return;
    std::string names;
    for (std::size_t at = 0; at < std::min(codes.size(), names_shown); ++at) {
        names += (at > 0 ? ", " : "") + codes[at];
    }
    if (codes.size() > names_shown) {
        names += " and " + format_count(codes.size() - names_shown) + " more";
    }
    std::fprintf(stderr, "qck cache %s: %s: %s\n", verb.c_str(), what, names.c_str());
}

std::string report_json(const char* participle, const OrderOutcome& outcome) {
    Json json{{participle, outcome.done},       {"not_found", outcome.not_found},
              {"failed", outcome.failed},       {"no_room", outcome.no_room},
              {"only_here", outcome.only_here}, {"codes", outcome.codes},
              {"answered", outcome.answered},   {"interrupted", outcome.interrupted}};
    if (outcome.in_redis) {
        json["in_redis"] = *outcome.in_redis;
        json["not_in_redis"] = outcome.not_in_redis;
        json["redis_error"] = outcome.redis_error;
    }
    return json.dump();
}

std::string report_text(const char* participle, const OrderOutcome& outcome) {
    const auto links =
        format_count(outcome.done.size()) + (outcome.done.size() == 1 ? " link " : " links ");
    if (!outcome.in_redis) return links + participle;
    const std::string text = links + "in L1, " + format_count(*outcome.in_redis) + " in Redis";
    return outcome.redis_error.empty() ? text : text + ": " + outcome.redis_error;
}

/// Of what was not asked for, or not answered, nothing is known.
Exit stopped(const std::string& verb, const OrderOutcome& outcome) {
    const std::string why = outcome.interrupted ? "interrupted" : outcome.stopped->message;
    std::fprintf(stderr, "%s: %s, after %s of %s codes\n", command_of(verb).c_str(), why.c_str(),
                 format_count(outcome.answered).c_str(), format_count(outcome.codes).c_str());
    return outcome.interrupted ? Exit::run_invalid : Exit::could_not_run;
}

Exit report(const CacheOptions& options, const std::string& verb, const char* participle,
            const OrderOutcome& outcome) {
    if (outcome.stopped && outcome.answered == 0 && !outcome.interrupted) {
        return cache_failed(verb, *outcome.stopped);
    }
    std::printf("%s\n", (options.connection.json ? report_json(participle, outcome)
                                                 : report_text(participle, outcome))
                            .c_str());
    complain(verb, "no such link", outcome.not_found);
    complain(verb, "could not be read, or not in time", outcome.failed);
    complain(verb, "the cache has no room to pin", outcome.no_room);
    complain(verb, "not in Redis", outcome.not_in_redis);
    if (!outcome.only_here.empty()) {
        std::fprintf(stderr, "qck cache %s: on this instance only: %s\n", verb.c_str(),
                     outcome.only_here.c_str());
    }
    if (outcome.interrupted || outcome.stopped) return stopped(verb, outcome);
    return outcome.good() ? Exit::good : Exit::check_failed;
}

Exit warm(const CacheOptions& options) {
    const InterruptWatch interrupts;
    auto client = open(options, "warm", [&] { return interrupts.count() > 0; });
    const auto codes = codes_to_warm(options, client);
    if (!codes && interrupts.count() > 0) {
        std::fputs("qck cache warm: interrupted, before any code was asked for\n", stderr);
        return Exit::run_invalid;
    }
    if (!codes) return cache_failed("warm", codes.error());
    return report(options, "warm", "warmed",
                  order(client, "warm", "warmed", *codes, options.rate_per_s, interrupts));
}

Exit change(const CacheOptions& options, const std::string& verb, const char* participle) {
    const InterruptWatch interrupts;
    auto client = open(options, verb, [&] { return interrupts.count() > 0; });
    return report(options, verb, participle,
                  order(client, verb, participle, options.codes, std::nullopt, interrupts));
}

Exit stats(const CacheOptions& options) {
    auto client = open(options, "stats");
    Json answer;
    const auto asked = ask(client, "GET", "/v1/cache/stats", {}, answer);
    if (!asked) return cache_failed("stats", asked.error());
    if (options.connection.json) {
        std::printf("%s\n", answer.dump().c_str());
        return Exit::good;
    }
    const auto terminal = render::terminal_of(STDOUT_FILENO, render::terminal_settings());
    std::fputs(render::cache_tables(answer, terminal).c_str(), stdout);
    return Exit::good;
}

void add_changes(CLI::App& command, const std::shared_ptr<CacheOptions>& options, Chosen& chosen) {
    struct Change {
        const char* verb;
        const char* participle;
        const char* help;
    };
    static constexpr Change changes[] = {
        {"evict", "evicted", "Forgets links in L1 and Redis, for every instance"},
        {"pin", "pinned", "Keeps links in L1 of every instance, and in Redis without expiry"},
        {"unpin", "unpinned", "Lets pinned links be evicted and expire again"}};
    for (const Change& one : changes) {
        CLI::App* const sub = command.add_subcommand(one.verb, one.help);
        add_code(*sub, options->codes, "The links")->required();
        sub->callback([options, &chosen, one] {
            chosen = [options, one] { return change(*options, one.verb, one.participle); };
        });
    }
}

}  // namespace

void add_cache(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<CacheOptions>();
    CLI::App* const command =
        app.add_subcommand("cache", "Warm, evict, pin and look at the caches of links");
    command->require_subcommand(1);
    options->connection.add_flags(*command);
    CLI::App* const warmer = command->add_subcommand(
        "warm",
        "Reads links from the store into every L1 of the instance, as far as it has room, and into "
        "Redis; says how many each has");
    add_code(*warmer, options->codes, "The links");
    add_parsed(*warmer, "--codes", options->codes_file, readable_file, "A file with a code a line",
               "FILE");
    add_parsed(*warmer, "--top", options->top, whole_number(std::size_t{1}, cache_top_max),
               "The N links with the most clicks lately", "N");
    add_parsed(*warmer, "--span", options->span_hours, parse_cache_span,
               "With --top: clicks of the last 1h (default) or 24h", "1h|24h");
    add_parsed(
        *warmer, "--rate", options->rate_per_s,
        [](std::string_view text) -> Result<std::optional<double>> {
            const auto rate = parse_rate(text);
            if (!rate) return rate.error();
            return std::optional(*rate);
        },
        "No more links a second than this", "RATE");
    warmer->callback([options, &chosen] { chosen = [options] { return warm(*options); }; });
    add_changes(*command, options, chosen);
    command->add_subcommand("stats", "What the caches hold, how often they help, how old it is")
        ->callback([options, &chosen] { chosen = [options] { return stats(*options); }; });
}

}  // namespace qck::commands
