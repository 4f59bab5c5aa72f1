#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace qck::commands {

/// Exit codes of every command (DESIGN section 5).
enum class Exit : int { good = 0, check_failed = 1, usage = 2, could_not_run = 3, run_invalid = 4 };

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
