#include <cctype>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "base/version.hpp"
#include "cli/commands/command.hpp"

namespace {

using qck::commands::Exit;

/// Every option of `app` may come from the environment: --data-dir from QCK_DATA_DIR.
void name_variables(CLI::App& app) {
    for (CLI::Option* const option : app.get_options()) {
        if (option->get_lnames().empty() || option->get_lnames().front() == "help") continue;
        std::string name = "QCK_";
        for (const char c : option->get_lnames().front()) {
            name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        option->envname(name);
    }
}

/// Of the command that is asked for only: CLI11 would judge QCK_API, a URL to `qck links`, by the
/// address that `qck serve` expects of it.
void read_environment(CLI::App& app, int argc, char* argv[]) {
    CLI::App* at = &app;
    name_variables(*at);
    for (int i = 1; i < argc; ++i) {
        const auto named = at->get_subcommands(
            [&](const CLI::App* command) { return command->get_name() == argv[i]; });
        if (named.empty()) continue;
        at = named.front();
        name_variables(*at);
    }
}

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

/// Blots out the values of secrets, which anybody could read in the list of processes.
void hide_secrets(int argc, char* argv[]) {
    constexpr const char* flag = "--token";
    const std::size_t flag_bytes = std::strlen(flag);
    for (int i = 1; i < argc; ++i) {
        hide_password(argv[i]);
        if (std::strncmp(argv[i], flag, flag_bytes) != 0) continue;
        if (argv[i][flag_bytes] == '=') {
            std::memset(argv[i] + flag_bytes + 1, 'x', std::strlen(argv[i] + flag_bytes + 1));
        } else if (argv[i][flag_bytes] == '\0' && i + 1 < argc) {
            std::memset(argv[i + 1], 'x', std::strlen(argv[i + 1]));
        }
    }
}

/// `qck bench viral`: the command that was being parsed, for error messages.
std::string command_path(const CLI::App& app) {
    std::string path = "qck";
    for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
        at = at->get_subcommands().front();
        path += " " + at->get_name();
    }
    return path;
}

/// What CLI11 reports as "a subcommand is required", in the words of who typed it.
void explain_missing_command(const CLI::App& app, int argc, char* argv[]) {
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    const std::string path = command_path(app);
    const char* const last = argv[argc - 1];
    const bool word = argc > 1 && last[0] != '-' && last != at->get_name();
    if (word) {
        std::fprintf(stderr, "%s: '%s' is not a command; there are:", path.c_str(), last);
    } else {
        std::fprintf(stderr, "%s: which command? There are:", path.c_str());
    }
    for (const CLI::App* const command : at->get_subcommands({})) {
        std::fprintf(stderr, " %s", command->get_name().c_str());
    }
    std::fprintf(stderr, " (%s --help)\n", path.c_str());
}

/// CLI11 says "INI was not able to parse serve.thread", and "nosuch.++" of a section.
std::string config_complaint(std::string text) {
    const std::string begins = "INI was not able to parse ";
    if (text.rfind(begins, 0) != 0) return text;
    text.erase(0, begins.size());
    if (const auto section = text.rfind(".++"); section != std::string::npos) text.erase(section);
    return "--config: '" + text +
           "' is no option of any command (sections and names are those of the flags)";
}

int run(int argc, char* argv[]) {
    CLI::App app(
        "Serves redirects, replays the viral burst, and proves that every click was counted once.",
        "qck");
    app.set_version_flag("--version", std::string("qck ") + qck::version);
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
    qck::commands::add_reconcile(app, chosen);
    qck::commands::add_report(app, chosen);
    qck::commands::add_init(app, chosen);
    qck::commands::add_mode(app, chosen);
    read_environment(app, argc, argv);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked_for_help) {
        return app.exit(asked_for_help);
    } catch (const CLI::RequiredError& error) {
        if (std::string(error.what()).find("subcommand") == std::string::npos) {
            std::fprintf(stderr, "%s: %s\n", command_path(app).c_str(), error.what());
        } else {
            explain_missing_command(app, argc, argv);
        }
        return static_cast<int>(Exit::usage);
    } catch (const CLI::ConfigError& error) {
        std::fprintf(stderr, "%s: %s\n", command_path(app).c_str(),
                     config_complaint(error.what()).c_str());
        return static_cast<int>(Exit::usage);
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "%s: %s\n", command_path(app).c_str(), error.what());
        return static_cast<int>(Exit::usage);
    }
    hide_secrets(argc, argv);
    return static_cast<int>(chosen());
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
