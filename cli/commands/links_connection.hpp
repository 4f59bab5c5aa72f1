#pragma once

#include <cstdio>
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

/// Says on stderr what went wrong, and how the program ends: 2 for wrong input, 1 when the answer
/// was no (no such link, code taken, version moved on), 3 when the API could not be asked.
inline Exit links_failed(const std::string& command, const Error& error) {
    std::fprintf(stderr, "qck links %s: %s\n", command.c_str(), error.message.c_str());
    switch (error.code) {
        case Errc::invalid_argument:
            return Exit::usage;
        case Errc::not_found:
        case Errc::conflict:
            return Exit::check_failed;
        default:
            return Exit::could_not_run;
    }
}

}  // namespace qck::commands
