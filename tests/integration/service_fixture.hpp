#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/service.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// A real service on free ports over a directory of its own.
class RunningService {
public:
    explicit RunningService(const std::function<void(commands::ServiceConfig&)>& adjust =
                                [](auto&) {}) {
        log::set_quiet(true);
        config.data_dir = directory.path() / "data";
        config.redirect_address = *net::parse_address("127.0.0.1:0");
        config.api_address = config.redirect_address;
        config.ingest_address = config.redirect_address;
        config.admin_address = config.redirect_address;
        config.segment_bytes = 1 << 20;
        config.analytics_kept_for = {};
        adjust(config);
        start();
    }

    void start() {
        auto started = commands::Service::start(config);
        if (!started) FAIL(started.error().message);
        service = std::move(*started);
    }
    void stop() { service.reset(); }

    net::Address address(const std::string& listener) const {
        const std::string line = service->ready_line() + " ";
        const auto at = line.find(" " + listener + "=") + listener.size() + 2;
        return *net::parse_address(line.substr(at, line.find(' ', at) - at));
    }

    /// An answer's status and JSON.
    std::pair<unsigned, nlohmann::json> api(const std::string& method, const std::string& target,
                                            const std::string& body = "") {
        client::RestConfig rest;
        rest.service = *client::parse_service_url("http://" + address("api").to_string());
        rest.bearer_token = config.token;
        const auto answer = client::RestClient(std::move(rest)).send(method, target, body);
        if (!answer) FAIL(answer.error().message);
        return {answer->status, nlohmann::json::parse(answer->body, nullptr, false)};
    }

    void add_link(const std::string& code, const std::string& url = "https://example.com/") {
        REQUIRE(
            api("POST", "/v1/links", nlohmann::json{{"code", code}, {"url", url}}.dump()).first ==
            201);
    }

    std::string get(const std::string& path, const std::string& headers = "",
                    const std::string& method = "GET") {
        RawClient raw(address("redirect"));
        REQUIRE(
            raw.send(method + " " + path + " HTTP/1.1\r\nHost: qck.test\r\n" + headers + "\r\n"));
        return raw.response(method == "HEAD");
    }

    /// A whole response of a listener, head and all.
    std::string get_text(const std::string& listener, const std::string& target) {
        RawClient raw(address(listener));
        REQUIRE(raw.send("GET " + target + " HTTP/1.1\r\nHost: qck.test\r\n\r\n"));
        return raw.response();
    }

    TemporaryDirectory directory;
    commands::ServiceConfig config;
    std::unique_ptr<commands::Service> service;
};

}  // namespace qck::test
