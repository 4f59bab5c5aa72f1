#pragma once

#include <functional>

#include "services/admin/metrics.hpp"
#include "services/http_server/exchange.hpp"

namespace qck::admin {

/// What the admin listener shows. Called on its reactor; quick.
struct AdminParts {
    MetricSources metrics;
    /// False while the service starts or drains: load balancers then look elsewhere.
    std::function<bool()> is_ready;
    std::int64_t started_at_ms = 0;
};

/// GET /health /ready /metrics /v1/status.
class AdminHandler final : public http_server::Handler {
public:
    explicit AdminHandler(AdminParts parts) : parts_(std::move(parts)) {}
    void handle(const http_server::Request& request, http_server::Exchange& exchange) override;

private:
    http_server::Response answer(const http::RequestHead& head) const;
    http_server::Response status() const;

    AdminParts parts_;
};

}  // namespace qck::admin
