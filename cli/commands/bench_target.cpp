#include "cli/commands/bench_target.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/client/rest_client.hpp"
#include "cli/commands/bench_orchestrator.hpp"
#include "cli/commands/target_reach.hpp"

namespace qck::commands {
namespace {

constexpr const char* default_origin = "http://127.0.0.1:8080";
constexpr std::size_t batch_links = 5'000;

bool asks_for_links(const scenario::Plan& plan) {
    return std::any_of(plan.requests.begin(), plan.requests.end(), [&](const auto& kind) {
        return kind.path.find("{link}") != std::string::npos || kind.path == "/" + plan.links.hot;
    });
}

/// Adds one link; that it is there already is as good. How many were added.
Result<std::uint64_t> add_link(client::RestClient& api, const std::string& code,
                               const std::string& url) {
    const nlohmann::json link{{"url", url}, {"code", code}};
    const auto added = api.call("POST", "/v1/links", link.dump());
    if (added) return 1;
    if (added.error().code == Errc::conflict) return 0;
    return error(added.error().code,
                 "cannot add the link '" + code + "': " + added.error().message);
}

/// How many were added; those that are there already are no failure.
Result<std::uint64_t> add_tail(client::RestClient& api, const scenario::Links& links,
                               const InterruptWatch& interrupts) {
    std::uint64_t created = 0;
    for (std::size_t first = 1; first <= links.tail_count; first += batch_links) {
        const std::size_t last = std::min<std::size_t>(first + batch_links - 1, links.tail_count);
        if (interrupts.count() > 0) {
            return error(Errc::unavailable, "interrupted while links were added");
        }
        std::string lines;
        for (std::size_t rank = first; rank <= last; ++rank) {
            const nlohmann::json link{{"url", links.target_url},
                                      {"code", links.tail_prefix + std::to_string(rank)}};
            lines += link.dump() + "\n";
        }
        const auto added =
            api.call("POST", "/v1/links:batch?results=errors", lines, "application/x-ndjson");
        if (!added) {
            return error(added.error().code,
                         "cannot add the scenario's links: " + added.error().message);
        }
        const auto answer = nlohmann::json::parse(added->body, nullptr, false);
        if (answer.is_object()) created += answer.value("created", std::uint64_t{0});
    }
    return created;
}

Result<client::RestConfig> links_api(const std::string& api_url, const BenchOptions& options,
                                     const InterruptWatch& interrupts) {
    auto url = client::parse_service_url(api_url);
    if (!url) return error(Errc::invalid_argument, "--api: " + url.error().message);
    client::RestConfig config;
    config.service = std::move(*url);
    if (!options.serve) {
        config.bearer_token = options.token;
        config.ca_file = options.ca_file;
    }
    config.unreachable_hint = "set --api, or add --serve";
    config.give_up = [&interrupts] { return interrupts.count() > 0; };
    return config;
}

/// Puts the links that the plan asks for into a service of ours; how many were missing.
Result<std::uint64_t> add_links(const client::RestConfig& service, const scenario::Plan& plan,
                                const InterruptWatch& interrupts) {
    client::RestClient api(service);
    auto added = add_link(api, plan.links.hot, plan.links.target_url);
    if (!added || plan.links.hot_share >= 1) return added;
    const auto tail = add_tail(api, plan.links, interrupts);
    if (!tail) return tail.error();
    return *added + *tail;
}

bool asks_api(const scenario::Plan& plan) {
    return std::any_of(plan.requests.begin(), plan.requests.end(),
                       [](const auto& kind) { return kind.to_api; });
}

Result<engine::Target> named_target(const std::string& flag, const std::string& url,
                                    bool allow_public) {
    auto target = engine::find_target(url);
    if (!target) return error(target.error().code, flag + ": " + target.error().message);
    if (!target->is_private() && !allow_public) {
        return error(Errc::invalid_argument,
                     flag + ": " + target->host +
                         " is outside loopback and private ranges; load on others' servers needs "
                         "their consent (with it, add --allow-public)");
    }
    return target;
}

net::TlsClientConfig tls_of(const BenchOptions& options) {
    return {options.ca_file, !options.insecure};
}

/// The links API as a target of load.
Result<engine::Target> found_api(const std::string& place, const BenchOptions& options) {
    // HOST:PORT or a URL, as everywhere for an API.
    const bool is_url = place.find("://") != std::string::npos;
    auto api = named_target("--api", is_url ? place : "http://" + place,
                            options.allow_public || options.serve);
    if (!api) return api;
    const auto reachable = check_reachable(
        *api, tls_of(options), "writers need the links API: set --api, or --write-users 0");
    if (!reachable) return reachable.error();
    return api;
}

}  // namespace

Result<BenchTarget> prepare_target(const BenchOptions& options, scenario::Plan& plan,
                                   const ServicePlace& place, InterruptWatch& interrupts) {
    BenchTarget made;
    const bool is_default = options.target.empty() && !options.serve;
    std::string url = options.target;
    std::string api = options.api;
    const std::string path = "/" + plan.links.hot;
    if (options.serve) {
        auto embedded = EmbeddedService::start(place, interrupts);
        if (!embedded) return embedded.error();
        made.embedded.emplace(std::move(*embedded));
        made.note = "embedded, journal on, SQLite";
        url = "http://" + made.embedded->redirect();
        api = "http://" + made.embedded->api();
    } else if (is_default) {
        url = default_origin;
    }
    const bool is_crowd = options.mode == BenchMode::orchestrator;
    if (options.target.empty() && !has_paths(options) && !is_crowd) url += path;
    auto target = named_target("--target", url, options.allow_public || options.serve);
    if (!target) return target.error();
    made.target = std::move(*target);
    if (has_paths(options) && made.target.path.find('?') != std::string::npos) {
        return error(Errc::invalid_argument, "--target: the scenario's paths come after '" +
                                                 made.target.path +
                                                 "', which therefore cannot have a query");
    }
    const std::string hint = is_default ? "start one with `qck serve`, or add --serve" : "";
    // Agents elsewhere trust whom they are told to there (qck agent --ca).
    const bool elsewhere = !options.fleet.dial.empty() || !options.fleet.listen.empty();
    const auto reachable = elsewhere ? check_reachable(made.target, hint)
                                     : check_reachable(made.target, tls_of(options), hint);
    if (!reachable) return reachable.error();
    const bool spelled_out = made.target.path != "/";
    aim_at_path(plan, options, made.target.path);
    if (is_crowd && !options.serve) api = api_url_of(options, made.target);
    if (asks_api(plan)) {
        auto found = found_api(api, options);
        if (!found) return found.error();
        made.api = std::move(*found);
    }
    if (options.target.empty() || options.api_typed || (is_crowd && !spelled_out)) {
        if (!asks_for_links(plan)) return made;
        auto service = links_api(api, options, interrupts);
        if (!service) return service.error();
        const auto added = add_links(*service, plan, interrupts);
        if (!added) return added.error();
        made.links_added = *added;
        made.links_api = std::move(*service);
    }
    return made;
}

}  // namespace qck::commands
