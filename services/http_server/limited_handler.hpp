#pragma once

#include "services/http_server/exchange.hpp"
#include "services/http_server/rate_limiter.hpp"

namespace qck::http_server {

/// Stands before a handler and answers 429 (RFC 6585 section 4) to addresses that ask too often;
/// the handler does not see those requests. GET /health is always answered. Belongs to the reactor
/// of `inner`; the limiter may be shared.
class LimitedHandler final : public Handler {
public:
    LimitedHandler(Handler& inner, RateLimiter& limiter) : inner_(inner), limiter_(limiter) {}

    void handle(const Request& request, Exchange& exchange) override {
        if (request.head.path() != "/health") {
            const auto wait = limiter_.admit(request.peer, request.now_ns);
            if (wait.count() > 0) return refuse(exchange, wait);
        }
        inner_.handle(request, exchange);
    }
    void answered(std::uint32_t requests, std::int64_t elapsed_ns) override {
        inner_.answered(requests, elapsed_ns);
    }

private:
    static void refuse(Exchange& exchange, std::chrono::nanoseconds wait) {
        Response response =
            problem(429, "too-many-requests", "this address asks more often than it may");
        response.headers.emplace_back(
            "Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()));
        exchange.answer(response);
    }

    Handler& inner_;
    RateLimiter& limiter_;
};

}  // namespace qck::http_server
