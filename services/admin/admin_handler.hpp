#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/head.hpp"
#include "services/admin/metrics.hpp"
#include "services/http_server/blocking_work.hpp"
#include "services/http_server/exchange.hpp"

namespace qck::admin {

/// An operation of the admin listener that may take a while: runs on a thread of its own.
struct Action {
    /// What it was asked with.
    struct Call {
        std::string rest;  ///< of the path, behind Action::path
        std::string query;
        std::string body;
        /// Whether the client hung up, so that nobody waits for the answer; empty but where the
        /// action takes minutes.
        std::function<bool()> abandoned = {};
    };

    http::Method method = http::Method::post;
    /// `/v1/reconcile`; with a final slash everything below it.
    std::string path;
    std::function<http_server::Response(const Call&)> run;
    /// Runs beside the others, which do not wait for it.
    bool takes_minutes = false;
};

/// What the admin listener shows and does.
struct AdminParts {
    MetricSources metrics;
    /// False while the service starts or drains: load balancers then look elsewhere. Called on the
    /// listener's reactor; quick.
    std::function<bool()> is_ready;
    std::int64_t started_at_ms = 0;
    std::vector<Action> actions;
    /// Adds to what /v1/status says; may be empty. Called on the listener's reactor; quick.
    std::function<void(nlohmann::ordered_json&)> more_status;
    /// Asked of whoever changes something, when not empty.
    std::string bearer_token;
};

/// GET /health /ready /metrics /v1/status, and the actions.
///
/// POST wants `Content-Type: application/json`, which no page of another site can send unasked.
class AdminHandler final : public http_server::Handler {
public:
    explicit AdminHandler(AdminParts parts);
    void handle(const http_server::Request& request, http_server::Exchange& exchange) override;

private:
    http_server::Response answer(const http_server::Request& request) const;
    http_server::Response status() const;
    const Action* find_action(const http_server::Request& request) const;
    void act(const Action& action, const http_server::Request& request,
             http_server::Exchange& exchange);
    std::string methods_of(std::string_view path) const;

    AdminParts parts_;
    http_server::BlockingWork work_;
    http_server::BlockingWork long_work_;
};

}  // namespace qck::admin
