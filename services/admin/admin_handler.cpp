#include "services/admin/admin_handler.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.hpp"
#include "base/http/same_but_case.hpp"
#include "base/http/serializer.hpp"
#include "base/version.hpp"
#include "services/http_server/bearer_token.hpp"

namespace qck::admin {
namespace {

using http_server::problem;
using http_server::Request;
using http_server::Response;

bool leads_to(const Action& action, std::string_view path) {
    return action.path.ends_with('/') ? path.starts_with(action.path) : path == action.path;
}

Response text(std::uint16_t status, std::string type, std::string body) {
    Response response;
    response.status = status;
    response.content_type = std::move(type);
    response.body = std::move(body);
    return response;
}

std::uint64_t total(const std::vector<const redirect::RedirectCounters*>& all,
                    Counter redirect::RedirectCounters::*which) {
    std::uint64_t sum = 0;
    for (const auto* const counters : all) sum += (counters->*which).value();
    return sum;
}

}  // namespace

AdminHandler::AdminHandler(AdminParts parts)
    : parts_(std::move(parts)),
      work_("qck-admin-work", 1, 16),
      // A second thread tells who asks meanwhile that one is under way.
      long_work_("qck-admin-long", 2, 16) {}

void AdminHandler::handle(const Request& request, http_server::Exchange& exchange) {
    if (const Action* const action = find_action(request)) return act(*action, request, exchange);
    exchange.answer(answer(request));
}

const Action* AdminHandler::find_action(const Request& request) const {
    const auto found =
        std::find_if(parts_.actions.begin(), parts_.actions.end(), [&](const Action& action) {
            return action.method == request.head.method && leads_to(action, request.head.path());
        });
    return found == parts_.actions.end() ? nullptr : &*found;
}

void AdminHandler::act(const Action& action, const Request& request,
                       http_server::Exchange& exchange) {
    const http::RequestHead& head = request.head;
    if (head.method != http::Method::get) {
        if (!parts_.bearer_token.empty() &&
            !http_server::bears_token(head.authorization, parts_.bearer_token)) {
            Response denied = problem(401, "unauthorized",
                                      "expected Authorization: Bearer with this service's token");
            denied.headers.emplace_back("WWW-Authenticate", "Bearer");
            return exchange.answer(denied);
        }
        const auto type = head.content_type.substr(0, head.content_type.find(';'));
        if (!http::same_but_case(type, "application/json")) {
            return exchange.answer(
                problem(415, "wrong-content-type", "expected Content-Type: application/json"));
        }
    }
    Action::Call call{std::string(head.path().substr(action.path.size())),
                      std::string(head.query()), std::string(request.body)};
    if (action.takes_minutes) {
        call.abandoned = [left = exchange.watch_client()] {
            return left->load(std::memory_order_relaxed);
        };
    }
    http_server::BlockingWork& work = action.takes_minutes ? long_work_ : work_;
    work.run(exchange.answer_later(),
             [run = &action.run, call = std::move(call)] { return (*run)(call); });
}

std::string AdminHandler::methods_of(std::string_view path) const {
    std::string methods;
    for (const Action& action : parts_.actions) {
        if (!leads_to(action, path)) continue;
        if (!methods.empty()) methods += ", ";
        methods += http::method_name(action.method);
    }
    return methods.empty() ? "GET, HEAD" : methods;
}

Response AdminHandler::answer(const Request& request) const {
    const http::RequestHead& head = request.head;
    const bool reads = head.method == http::Method::get || head.method == http::Method::head;
    const std::string methods = methods_of(head.path());
    if (!reads || methods.find("GET") == std::string::npos) {
        Response refused =
            problem(405, "method-not-allowed", "this page of the admin listener takes " + methods);
        refused.headers.emplace_back("Allow", methods);
        return refused;
    }
    const std::string_view path = head.path();
    if (path == "/health") return text(200, "text/plain", "ok\n");
    if (path == "/ready") {
        return parts_.is_ready() ? text(200, "text/plain", "ready\n")
                                 : text(503, "text/plain", "draining\n");
    }
    if (path == "/metrics") {
        return text(200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(parts_.metrics));
    }
    if (path == "/v1/status") return status();
    return problem(404, "no-such-page", "try /health, /ready, /metrics or /v1/status");
}

Response AdminHandler::status() const {
    using redirect::RedirectCounters;
    const auto& redirects = parts_.metrics.redirects;
    const clicks::CountingFigures figures = parts_.metrics.counting->figures();
    nlohmann::ordered_json document = {
        {"qck", version},
        {"ready", parts_.is_ready()},
        {"uptime_s", (wall_ms() - parts_.started_at_ms) / 1000},
        {"redirects", total(redirects, &RedirectCounters::redirects)},
        {"not_found", total(redirects, &RedirectCounters::not_found)},
        {"expired", total(redirects, &RedirectCounters::expired)},
        {"unavailable", total(redirects, &RedirectCounters::unavailable)},
        {"cache",
         {{"hits", total(redirects, &RedirectCounters::cache_hits)},
          {"misses", total(redirects, &RedirectCounters::cache_misses)},
          {"stale_hits", total(redirects, &RedirectCounters::stale_hits)},
          {"pinned", total(redirects, &RedirectCounters::cache_pinned)},
          {"entries", total(redirects, &RedirectCounters::cache_entries)},
          {"bytes", total(redirects, &RedirectCounters::cache_bytes)}}},
        {"journal",
         {{"bytes", figures.journal_bytes},
          {"segments", figures.segments},
          {"appended", figures.appended},
          {"counted", figures.counted},
          {"lag_records", figures.lag_records},
          {"lag_s", figures.lag_seconds},
          {"refused", figures.refused},
          {"uncounted", figures.uncounted},
          {"corrupt_places", figures.corrupt_places}}}};
    auto& connections = document["connections"];
    for (const Listener& listener : parts_.metrics.listeners) {
        std::uint64_t open = 0;
        for (const auto* const server : listener.servers) open += server->connections_open.value();
        connections[listener.name] = open;
    }
    auto& latency = document["latency_us"];
    latency["bounds"] = redirect::latency_bounds_us;
    for (std::size_t i = 0; i <= redirect::latency_bounds_us.size(); ++i) {
        std::uint64_t count = 0;
        for (const auto* const counters : redirects) count += counters->latency[i].value();
        latency["counts"].push_back(count);
    }
    if (parts_.more_status) parts_.more_status(document);
    return text(200, "application/json", document.dump(2) + "\n");
}

}  // namespace qck::admin
