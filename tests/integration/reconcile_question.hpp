#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "cli/client/rest_client.hpp"
#include "services/reconcile/comparison_json.hpp"
#include "tests/integration/service_fixture.hpp"

namespace qck::test {

inline client::RestClient admin_of(RunningService& service) {
    client::RestConfig rest;
    rest.service = *client::parse_service_url("http://" + service.address("admin").to_string());
    rest.request_timeout = std::chrono::seconds(120);
    return client::RestClient(std::move(rest));
}

/// What its admin listener answers to a reconciliation.
inline reconcile::Comparison compared(RunningService& service, const std::string& question = "{}") {
    const auto answer = admin_of(service).send("POST", "/v1/reconcile", question);
    if (!answer) FAIL(answer.error().message);
    UNSCOPED_INFO(answer->body);
    REQUIRE(answer->status == 200);
    const auto comparison = reconcile::comparison_from_json(answer->body);
    REQUIRE(comparison.has_value());
    return *comparison;
}

inline void visit(RunningService& service, const std::string& code, int times) {
    RawClient raw(service.address("redirect"));
    for (int at = 0; at < times; ++at) {
        REQUIRE(raw.send("GET /" + code + " HTTP/1.1\r\nHost: qck.test\r\n\r\n"));
        REQUIRE(raw.response().starts_with("HTTP/1.1 302"));
    }
}

}  // namespace qck::test
