#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "cli/commands/command.hpp"

namespace qck::commands {

/// Adds an option whose text `parse` (std::string_view -> Result<T>) turns into `place`, which
/// outlives the parsing. What `parse` refuses is a usage error: "--rate: '10MM' is not a rate (…)".
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, T& place, Parse parse,
                        const std::string& help, const std::string& type = "TEXT") {
    const auto take = [&place, parse = std::move(parse), name](const std::string& text) {
        auto parsed = parse(text);
        if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
        place = std::move(*parsed);
    };
    return app.add_option_function<std::string>(name, take, help)->type_name(type);
}

/// Says on stderr why `command` failed, and gives its exit code: 2 for wrong input, else 3.
inline Exit failed(const char* command, const Error& error) {
    std::fprintf(stderr, "%s: %s\n", command, error.message.c_str());
    return error.code == Errc::invalid_argument ? Exit::usage : Exit::could_not_run;
}

}  // namespace qck::commands
