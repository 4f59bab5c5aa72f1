#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/command.hpp"
#include "cli/config_lines.hpp"

namespace qck::cli {

/// What holds for the options of every command: they may come from the environment (--data-dir from
/// QCK_DATA_DIR) or from --config, an empty value is refused wherever a value is wanted, and what
/// is wrong is said in one line that names where it came from.
///
/// QCK_… of --help, --version and --config do not exist, and QCK_OUT is that of `bench` only:
/// elsewhere --out is a file. Thread-compatible; used by main.
class CommandLine {
public:
    /// `app` has all its commands; it outlives this. `arguments` are those after the program's
    /// name.
    CommandLine(CLI::App& app, std::vector<std::string> arguments);

    /// Parses. Empty when the command is to run; else what the program is to exit with, after help
    /// went to stdout or an error to stderr.
    std::optional<commands::Exit> parse();

    /// `qck bench viral`: the command that was asked for.
    std::string path() const;

private:
    using Apps = std::vector<const CLI::App*>;

    void take_help_and_version();
    void read_environment();
    std::string empty_value() const;
    Apps asked() const;
    std::string words_of(const CLI::ParseError& error) const;
    std::string with_origin(std::string message) const;
    std::string origin_of(const CLI::Option& option, const std::string& command) const;
    std::string unexpected() const;
    std::string missing_command() const;
    std::string config_complaint(std::string text) const;
    std::string find_config_value(const std::string& option) const;
    bool is_given(const std::string& flag) const;
    std::string config_file() const;

    CLI::App& app_;
    std::vector<std::string> arguments_;
    ConfigLines config_;
};

}  // namespace qck::cli
