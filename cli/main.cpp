#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

#include "base/version.hpp"
#include "cli/command_line.hpp"
#include "cli/commands/command.hpp"

namespace {

using qck::commands::Exit;

void blot_out(char* begin, const char* end) {
    if (begin < end) std::memset(begin, 'x', static_cast<std::size_t>(end - begin));
}

/// `SECRET` in scheme://USER:SECRET@HOST, of each URL of a list, and in password=SECRET.
void hide_password(char* argument) {
    for (char* at = argument; (at = std::strstr(at, "://")) != nullptr;) {
        at += 3;
        char* const host = at + std::strcspn(at, "/?,");
        char* const colon = at + std::strcspn(at, ":");
        char* sign = host;
        while (sign > at && *sign != '@') --sign;
        if (*sign == '@' && colon < sign) blot_out(colon + 1, sign);
        at = host;
    }
    if (char* const word = std::strstr(argument, "password=")) {
        char* const secret = word + std::strlen("password=");
        blot_out(secret, secret + std::strcspn(secret, "& "));
    }
}

/// Flags with secrets in their values: all of it, what follows the program's name, the query.
struct SecretFlag {
    std::string_view name;
    const char* begin_after;
};
constexpr SecretFlag secret_flags[] = {
    {"--token", ""}, {"--fleet-token", ""}, {"--count-cmd", " \t"}, {"--count-url", "?"}};

/// Blots out the values of secrets, which anybody could read in the list of processes.
void hide_secrets(int argc, char* argv[]) {
    for (int i = 1; i < argc; ++i) {
        hide_password(argv[i]);
        for (const SecretFlag& flag : secret_flags) {
            if (!std::string_view(argv[i]).starts_with(flag.name)) continue;
            char* value = argv[i] + flag.name.size();
            if (*value == '\0' && i + 1 < argc) {
                value = argv[i + 1];
            } else if (*value++ != '=') {
                continue;
            }
            if (*flag.begin_after != '\0') {
                value += std::strcspn(value, flag.begin_after);
                if (*value != '\0') ++value;
            }
            blot_out(value, value + std::strlen(value));
        }
    }
}

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
    hide_secrets(argc, argv);
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
