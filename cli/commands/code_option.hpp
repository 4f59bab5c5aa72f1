#pragma once

#include <string>

#include "cli/commands/options.hpp"
#include "services/links/link_rules.hpp"

namespace qck::commands {

/// For options that are short codes: what could be none is a usage error, and asked of nobody.
inline CLI::Validator code_check() {
    return CLI::Validator(
        [](const std::string& code) {
            const auto good = links::check_code(code);
            return good ? std::string() : good.error().message;
        },
        "");
}

/// The codes, or the code, behind a command. `place` outlives the parsing.
template <class T>
CLI::Option* add_code(CLI::App& command, T& place, const std::string& help) {
    return command.add_option("code", place, help)->check(code_check());
}

}  // namespace qck::commands
