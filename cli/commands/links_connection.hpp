#pragma once

#include <string>

#include "base/error.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/command.hpp"

namespace qck::commands {

/// What every `qck links` command shares.
struct LinksConnection {
    client::ServiceUrl service;
    std::string token;
    std::string ca_file;
    bool json = false;

    /// `command` is the one behind `qck links`.
    client::RestClient open(const std::string& command) const {
        client::RestConfig config;
        config.command = "qck links " + command;
        config.service = service;
        config.bearer_token = token;
        config.ca_file = ca_file;
        config.unreachable_hint = "start one with `qck serve`, or set --api";
        return client::RestClient(std::move(config));
    }
};

inline Exit links_failed(const std::string& command, const Error& error) {
    return refused(("qck links " + command).c_str(), error);
}

}  // namespace qck::commands
