#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "base/version.hpp"
#include "cli/command_line.hpp"
#include "cli/commands/command.hpp"
#include "cli/secret_arguments.hpp"

namespace {

using qck::commands::Exit;

/// Results that did not get out are no success: `qck links list > /dev/full`.
Exit flushed(const std::string& command, Exit exit) {
    const bool before = std::ferror(stdout) != 0;
    errno = 0;
    if (std::fflush(stdout) == 0 && !before) return exit;
    std::fprintf(stderr, "%s: cannot write to standard output%s%s\n", command.c_str(),
                 errno != 0 ? ": " : "", errno != 0 ? std::strerror(errno) : "");
    return Exit::could_not_run;
}

int run(int argc, char* argv[]) {
    CLI::App app(
        "Serves redirects, replays the viral burst, and proves that every click was counted once.",
        "qck");
    app.set_version_flag("-V,--version", std::string("qck ") + qck::version);
    app.set_config("--config", "",
                   "Options from a TOML file, a section for each command; flags win over it, and "
                   "it wins over QCK_...");
    app.allow_config_extras(CLI::config_extras_mode::error);
    app.require_subcommand(1);
    app.fallthrough();

    qck::commands::Chosen chosen;
    qck::commands::add_serve(app, chosen);
    qck::commands::add_links(app, chosen);
    qck::commands::add_bench(app, chosen);
    qck::commands::add_agent(app, chosen);
    qck::commands::add_reconcile(app, chosen);
    qck::commands::add_report(app, chosen);
    qck::commands::add_init(app, chosen);
    qck::commands::add_mode(app, chosen);
    qck::commands::add_cache(app, chosen);
    qck::commands::add_status_command(app, chosen);
    qck::commands::add_plan(app, chosen);
    qck::cli::CommandLine line(app, {argv + std::min(argc, 1), argv + argc});
    if (const auto exit = line.parse()) return static_cast<int>(flushed(line.path(), *exit));
    qck::cli::hide_secrets(argc, argv);
    return static_cast<int>(flushed(line.path(), chosen()));
}

}  // namespace

int main(int argc, char* argv[]) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qck: internal error: %s\n", error.what());
        return static_cast<int>(Exit::could_not_run);
    }
}
