#include "cli/commands/bench_orchestrator.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/units.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/typed_command.hpp"
#include "loadgen/scenario/limits.hpp"
#include "loadgen/scenario/users.hpp"

namespace qck::commands {
namespace {

namespace limits = scenario::limits;

constexpr std::uint32_t readers_default = 4'000;
constexpr std::uint32_t writers_default = 1'000;
constexpr std::size_t processes_default = 4;
constexpr std::uint32_t processes_max = 1'000;
constexpr std::chrono::nanoseconds steady_default = std::chrono::seconds(10);
constexpr std::chrono::nanoseconds users_timeout_default = std::chrono::seconds(10);
/// Links that are written expire by themselves, long after anybody looks at the run.
constexpr std::time_t written_live_s = 24 * 3600;
constexpr std::uint32_t links_read = 1'000;
constexpr double hot_share = 0.1;
constexpr std::uint16_t api_port = 8081;

std::string expiry_text() {
    const std::time_t at = std::time(nullptr) + written_live_s;
    std::tm utc{};
    ::gmtime_r(&at, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

scenario::RequestKind read_request() {
    scenario::RequestKind kind;
    kind.name = "read";
    return kind;
}

scenario::RequestKind write_request(const std::string& token) {
    scenario::RequestKind kind;
    kind.name = "write";
    kind.method = http::Method::post;
    kind.path = "/v1/links";
    kind.headers.emplace_back("Content-Type", "application/json");
    if (!token.empty()) kind.headers.emplace_back("Authorization", "Bearer " + token);
    kind.body =
        R"({"url":"https://example.com/written/{n}","expires_at":")" + expiry_text() + R"("})";
    kind.to_api = true;
    return kind;
}

struct Split {
    std::uint32_t readers = 0;
    std::uint32_t writers = 0;
};

/// Users in all are `--users`. Where readers alone are named, or writers, the others are the rest;
/// where both are, or neither, they come in proportion, and of none that were asked for there is
/// not even one.
Result<Split> split_of(const CrowdOptions& options) {
    const std::uint32_t read = options.read_users.value_or(readers_default);
    const std::uint32_t write = options.write_users.value_or(writers_default);
    const std::uint64_t named = std::uint64_t{read} + write;
    if (named == 0) {
        return error(Errc::invalid_argument,
                     "--read-users and --write-users are both 0: nobody would ask");
    }
    if (!options.users) return Split{read, write};
    const std::uint32_t all = *options.users;
    if (options.read_users.has_value() != options.write_users.has_value()) {
        const char* const flag = options.read_users ? "--read-users " : "--write-users ";
        const std::uint32_t some = options.read_users ? read : write;
        if (some > all) {
            return error(Errc::invalid_argument, flag + std::to_string(some) +
                                                     " is more than --users " +
                                                     std::to_string(all) + " in all");
        }
        return options.read_users ? Split{some, all - some} : Split{all - some, some};
    }
    const double share = static_cast<double>(read) / static_cast<double>(named);
    auto readers = static_cast<std::uint32_t>(std::llround(all * share));
    if (all >= 2 && read > 0) readers = std::max(readers, 1U);
    if (all >= 2 && write > 0) readers = std::min(readers, all - 1);
    return Split{readers, all - readers};
}

Result<scenario::Users> users_of(const CrowdOptions& options) {
    const auto split = split_of(options);
    if (!split) return split.error();
    const auto [readers, writers] = *split;
    scenario::Users users;
    users.spawn_per_s = options.spawn_per_s;
    if (readers > 0) users.groups.push_back({"readers", readers, options.read_rate_per_s, 0});
    if (writers > 0) users.groups.push_back({"writers", writers, options.write_rate_per_s, 1});
    return users;
}

/// `4,000 readers at 20/s each and 1,000 writers at 20/s each; 1k come each second`.
std::string description_of(const scenario::Users& users) {
    std::string text;
    for (const scenario::Users::Group& group : users.groups) {
        text += (text.empty() ? "" : " and ") + format_count(group.count) + " " + group.name +
                " at " + format_rate(group.rate_per_s) + "/s each";
    }
    return text + "; " + format_rate(users.spawn_per_s) + " come each second";
}

}  // namespace

void add_crowd_flags(CLI::App& app, CrowdOptions& options) {
    const auto users = [&](const char* name, auto& place, const char* help, std::uint32_t least) {
        add_parsed(app, name, place, whole_number(least, limits::connections_max), help, "N");
    };
    const auto rate = [&](const char* name, double& place, const char* help) {
        add_parsed(app, name, place, parse_rate, help, "RATE");
    };
    users("--users", options.users,
          "Users in all: readers and writers in their proportion, or one kind named and the rest",
          1);
    users("--read-users", options.read_users, "That ask for links (4000)", 0);
    users("--write-users", options.write_users, "That add links: POST /v1/links (1000)", 0);
    rate("--read-rate", options.read_rate_per_s, "Requests per second of each reader (20)");
    rate("--write-rate", options.write_rate_per_s, "Requests per second of each writer (20)");
    rate("--spawn-rate", options.spawn_per_s, "Users that come each second (1000)");
    add_parsed(app, "--processes", options.processes, whole_number(1U, processes_max),
               "Generator processes on this machine (4)", "N");
}

void settle_crowd(BenchOptions& options) {
    if (options.target.empty()) {
        if (was_typed("--api") || options.api != BenchOptions{}.api) {
            throw CLI::ValidationError(
                "--api", "is that of a --target; without one a service is started here");
        }
        options.serve = true;
    }
    if (options.fleet.any()) {
        if (!options.crowd.processes) return;
        const bool processes_typed = was_typed("--processes");
        if (processes_typed == was_typed("--agents")) {
            throw CLI::ExcludesError("--processes", "--agents");
        }
        if (!processes_typed) return;
        options.fleet = {};
    }
    // The processes of this machine are started here, so without --agents nobody would dial in.
    if (!options.fleet.listen.empty()) {
        throw CLI::ValidationError("--agents-listen", "needs --agents N: how many dial in");
    }
    const std::size_t processes = options.crowd.processes.value_or(processes_default);
    if (processes > 1) options.fleet.count = processes;
}

Result<scenario::Plan> crowd_plan(const BenchOptions& options) {
    auto users = users_of(options.crowd);
    if (!users) return users.error();
    if (options.fleet.count > users->count()) {
        return error(Errc::invalid_argument, std::to_string(options.fleet.count) +
                                                 " processes for " +
                                                 std::to_string(users->count()) +
                                                 " users: each needs one (lower --processes)");
    }
    scenario::Plan plan;
    plan.name = mode_name(options.mode);
    plan.description = description_of(*users);
    plan.timeout = users_timeout_default;
    plan.requests.push_back(read_request());
    if (users->groups.back().request == 1) {
        plan.requests.push_back(write_request(options.serve ? "" : options.token));
    }
    plan.links.hot_share = hot_share;
    plan.links.tail_count = links_read;
    return scenario::with_users(std::move(plan), std::move(*users),
                                options.duration.value_or(steady_default));
}

std::string api_url_of(const BenchOptions& options, const engine::Target& target) {
    if (options.api_typed || options.api != BenchOptions{}.api) return options.api;
    engine::Target api = target;
    api.port = api_port;
    return api.origin();
}

}  // namespace qck::commands
