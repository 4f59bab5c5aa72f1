#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 calls itself so
class App;
}

namespace qck::commands {

/// Exit codes of every command (DESIGN section 5).
enum class Exit : int { good = 0, check_failed = 1, usage = 2, could_not_run = 3, run_invalid = 4 };

/// An error of the user's.
Error misused(std::string why);
/// Says on stderr why `command` failed, and gives its exit code: 2 for wrong input, else 3.
Exit failed(const char* command, const Error& error);
/// The same of what a service was asked: 1 when the answer was no (no such link, code taken,
/// version moved on).
Exit refused(const char* command, const Error& error);
/// The same of a file or directory that was named: that it is not there, cannot be read or is not
/// what it should be is wrong input.
Error wrong_input(Error error);

/// Each adds its subcommand to `app`; `chosen` is set to what is to run when that subcommand was
/// parsed.
using Chosen = std::function<Exit()>;
void add_serve(CLI::App& app, Chosen& chosen);
void add_links(CLI::App& app, Chosen& chosen);
void add_agent(CLI::App& app, Chosen& chosen);
void add_bench(CLI::App& app, Chosen& chosen);
void add_reconcile(CLI::App& app, Chosen& chosen);
void add_report(CLI::App& app, Chosen& chosen);
void add_init(CLI::App& app, Chosen& chosen);
void add_mode(CLI::App& app, Chosen& chosen);
void add_cache(CLI::App& app, Chosen& chosen);
void add_status_command(CLI::App& app, Chosen& chosen);
void add_plan(CLI::App& app, Chosen& chosen);

}  // namespace qck::commands
