#include "loadgen/fleet/protocol/plan_check.hpp"

#include <algorithm>
#include <cmath>

#include "loadgen/scenario/field_values.hpp"
#include "loadgen/scenario/limits.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::fleet {
namespace {

namespace limits = scenario::limits;

bool is_rate(double rate) { return rate >= 0 && rate <= limits::rate_max; }
bool is_share(double share) { return share >= 0 && share <= 1; }

bool is_phase(const scenario::Phase& phase) {
    if (phase.duration <= std::chrono::nanoseconds{} || phase.duration > limits::duration_max) {
        return false;
    }
    const double from = phase.rate_from_per_s;
    const double to = phase.rate_to_per_s;
    if (!is_rate(from) || !is_rate(to)) return false;
    switch (phase.shape) {
        case scenario::Shape::constant:
            return from == to;
        case scenario::Shape::ramp:
            return true;
        case scenario::Shape::decay:
            return from > 0 && to > 0;
    }
    return false;
}

/// A target's path stands before a scenario's.
bool is_path(const std::string& path) {
    return path.starts_with('/') && path.size() <= 2 * limits::path_bytes_max &&
           std::all_of(path.begin(), path.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_request(const scenario::RequestKind& kind) {
    const auto is_header = [](const auto& header) {
        return scenario::is_token(header.first) && scenario::is_header_value(header.second);
    };
    const auto is_status = [](std::uint16_t status) {
        return status >= limits::status_min && status <= limits::status_max;
    };
    return std::isfinite(kind.weight) && kind.weight > 0 && kind.method <= http::Method::options &&
           is_path(kind.path) && kind.body.size() <= limits::body_bytes_max &&
           kind.headers.size() <= limits::headers_max &&
           std::all_of(kind.headers.begin(), kind.headers.end(), is_header) &&
           kind.expect.size() <= limits::expect_max &&
           std::all_of(kind.expect.begin(), kind.expect.end(), is_status);
}

bool is_links(const scenario::Links& links) {
    const bool plain = links.hot.find_first_of("\r\n \t{}") == std::string::npos &&
                       (links.tail_prefix.empty() || scenario::is_code(links.tail_prefix));
    return plain && !links.hot.empty() && links.hot.size() <= limits::path_bytes_max &&
           is_share(links.hot_share) && links.tail_count <= limits::tail_count_max &&
           links.zipf_exponent >= 0 && links.zipf_exponent <= 10 &&
           (links.hot_share >= 1 || links.tail_count > 0);
}

bool is_users(const scenario::Plan& plan) {
    const auto is_group = [&](const scenario::Users::Group& group) {
        return group.count <= limits::connections_max &&
               group.rate_per_s >= limits::user_rate_min && is_rate(group.rate_per_s) &&
               group.request < plan.requests.size();
    };
    const scenario::Users& users = *plan.users;
    std::uint64_t count = 0;
    for (const scenario::Users::Group& group : users.groups) count += group.count;
    return users.groups.size() <= limits::requests_max && count >= 1 &&
           count <= limits::connections_max && users.spawn_per_s >= limits::user_rate_min &&
           is_rate(users.spawn_per_s) &&
           std::all_of(users.groups.begin(), users.groups.end(), is_group) &&
           users.rate_per_s() *
                   std::chrono::duration<double>(scenario::duration_of(plan)).count() <=
               limits::total_requests_max;
}

}  // namespace

Result<void> check_plan(const scenario::Plan& plan) {
    const auto bad = [](const char* what) {
        return error(Errc::invalid_argument, std::string("the plan's ") + what +
                                                 " are not within what a scenario may hold");
    };
    const auto& phases = plan.phases;
    if (phases.empty() || phases.size() > limits::phases_max ||
        !std::all_of(phases.begin(), phases.end(), is_phase) ||
        scenario::duration_of(plan) > limits::duration_max ||
        scenario::requests_of(plan) > limits::total_requests_max) {
        return bad("phases");
    }
    const auto& requests = plan.requests;
    if (requests.empty() || requests.size() > limits::requests_max ||
        !std::all_of(requests.begin(), requests.end(), is_request)) {
        return bad("requests");
    }
    const bool asks_api =
        std::any_of(requests.begin(), requests.end(), [](const auto& kind) { return kind.to_api; });
    if (plan.users ? !is_users(plan) : asks_api) return bad("users");
    if (!is_links(plan.links)) return bad("links");
    if (!is_share(plan.unknown_share) || !is_share(plan.head_share) || !is_share(plan.bot_share) ||
        !scenario::is_header_value(plan.user_agent) ||
        !scenario::is_header_value(plan.bot_user_agent)) {
        return bad("shares or user agents");
    }
    if (plan.connections < 1 || plan.connections > limits::connections_max || plan.pipeline < 1 ||
        plan.pipeline > limits::pipeline_max || !is_rate(plan.new_connections_per_s)) {
        return bad("connections");
    }
    if (plan.timeout < std::chrono::milliseconds(1) || plan.timeout > limits::timeout_max ||
        plan.arrival > scenario::Arrival::poisson) {
        return bad("times");
    }
    return {};
}

}  // namespace qck::fleet
