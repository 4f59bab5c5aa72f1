#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/client/rest_client.hpp"
#include "tests/faults/serve_process.hpp"
#include "tests/support/catch.hpp"

namespace qck::test {

/// What the links API of a service answers; the test fails when it refuses or does not answer.
inline nlohmann::json api(const ServeProcess& serve, const std::string& method,
                          const std::string& target, const std::string& body = "") {
    client::RestConfig config;
    config.service = *client::parse_service_url("http://" + serve.address("api"));
    const auto answer = client::RestClient(std::move(config)).call(method, target, body);
    if (!answer) FAIL(method + " " + target + ": " + answer.error().message);
    return nlohmann::json::parse(answer->body);
}

}  // namespace qck::test
