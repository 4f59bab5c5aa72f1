#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "cli/client/rest_client.hpp"
#include "cli/commands/options.hpp"

namespace qck::commands {

/// What every command that orders something of a service's admin listener shares.
struct AdminConnection {
    client::ServiceUrl admin = *client::parse_admin_url("http://127.0.0.1:9090");
    std::string token;
    bool json = false;

    /// --admin, --token and --json. This object outlives the parsing.
    void add_flags(CLI::App& command) {
        add_parsed(command, "--admin", admin, client::parse_admin_url,
                   "The service's admin listener (http://127.0.0.1:9090)", "URL");
        command.add_option("--token", token, "Bearer token (better: QCK_TOKEN)");
        command.add_flag("--json", json, "Print the answer as JSON");
    }

    /// `command` begins what is said of it, `qck mode set`; `give_up` ends a wait.
    client::RestClient open(
        std::string command,
        std::chrono::milliseconds request_timeout = client::RestConfig{}.request_timeout,
        net::BlockingHttp::GiveUp give_up = {}) const {
        client::RestConfig config;
        config.command = std::move(command);
        config.listener = client::RestConfig::Listener::admin;
        config.service = admin;
        config.bearer_token = token;
        config.unreachable_hint = "start one with `qck serve`, or set --admin";
        config.request_timeout = request_timeout;
        config.give_up = std::move(give_up);
        return client::RestClient(std::move(config));
    }
};

}  // namespace qck::commands
