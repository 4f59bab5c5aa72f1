#include "services/admin/admin_handler.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/version.hpp"

namespace qck::admin {
namespace {

using http_server::problem;
using http_server::Response;

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

void AdminHandler::handle(const http_server::Request& request, http_server::Exchange& exchange) {
    exchange.answer(answer(request.head));
}

Response AdminHandler::answer(const http::RequestHead& head) const {
    if (head.method != http::Method::get && head.method != http::Method::head) {
        Response refused =
            problem(405, "method-not-allowed", "the admin listener answers GET and HEAD");
        refused.headers.emplace_back("Allow", "GET, HEAD");
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
    return text(200, "application/json", document.dump(2) + "\n");
}

}  // namespace qck::admin
