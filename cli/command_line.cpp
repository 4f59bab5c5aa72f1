#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/nearest_word.hpp"
#include "base/whole_file.hpp"
#include "cli/variables.hpp"

namespace qck::cli {
namespace {

using commands::Exit;

constexpr std::size_t config_bytes_max = 1024 * 1024;

bool wants_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// Must be told to the parser before it sees the values.
void refuse_empty(CLI::App& app) {
    for (CLI::Option* const option : app.get_options()) {
        if (!wants_value(*option)) continue;
        const bool positional = option->get_positional();
        option->check(CLI::Validator(
            [positional](const std::string& value) {
                if (!value.empty()) return std::string();
                return std::string(positional ? "is empty"
                                              : "is empty (leave it out, or give it a value)");
            },
            ""));
    }
    for (CLI::App* const command : app.get_subcommands({})) refuse_empty(*command);
}

/// `--api, --token, --json`: what may be given behind a command of `app` as well.
std::string flags_of(const CLI::App& app) {
    std::string flags;
    for (const CLI::Option* const option : app.get_options()) {
        if (option->get_lnames().empty() || option->get_lnames().front() == "help") continue;
        flags += (flags.empty() ? "" : ", ") + option->get_name();
    }
    return flags;
}

/// The parser's help has the flags of a command only, and not those of the commands above it.
void tell_inherited(CLI::App& app, const std::string& path) {
    const std::string flags = flags_of(app);
    for (CLI::App* const command : app.get_subcommands({})) {
        if (!flags.empty()) command->footer("And the flags of " + path + ": " + flags);
        tell_inherited(*command, path + " " + command->get_name());
    }
}

std::string after(const std::string& text, const std::string& beginning) {
    return text.substr(beginning.size());
}

}  // namespace

CommandLine::CommandLine(CLI::App& app, std::vector<std::string> arguments)
    : app_(app), arguments_(std::move(arguments)) {
    refuse_empty(app_);
    tell_inherited(app_, app_.get_name());
    take_help_and_version();
    read_environment();
}

/// `qck help serve` and `qck version`, which many type first.
void CommandLine::take_help_and_version() {
    if (arguments_.empty()) return;
    if (arguments_.front() == "version") arguments_.front() = "--version";
    if (arguments_.front() != "help") return;
    arguments_.erase(arguments_.begin());
    arguments_.emplace_back("--help");
}

/// Of the command that is asked for only; others may read the same variable otherwise.
void CommandLine::read_environment() {
    CLI::App* at = &app_;
    const auto name_variables = [](CLI::App& command) {
        for (CLI::Option* const option : command.get_options()) {
            option->envname(variable_of(command, *option));
        }
    };
    name_variables(*at);
    for (const std::string& argument : arguments_) {
        const auto named = at->get_subcommands(
            [&](const CLI::App* command) { return command->get_name() == argument; });
        if (named.empty()) continue;
        at = named.front();
        name_variables(*at);
    }
}

CommandLine::Apps CommandLine::asked() const {
    Apps apps{&app_};
    while (!apps.back()->get_subcommands().empty()) {
        apps.push_back(apps.back()->get_subcommands().front());
    }
    return apps;
}

std::string CommandLine::path() const {
    std::string path;
    for (const CLI::App* const app : asked()) path += (path.empty() ? "" : " ") + app->get_name();
    return path;
}

bool CommandLine::is_given(const std::string& flag) const {
    return std::any_of(arguments_.begin(), arguments_.end(), [&](const std::string& argument) {
        return argument == flag || argument.starts_with(flag + "=");
    });
}

std::string CommandLine::config_file() const {
    for (std::size_t at = 0; at < arguments_.size(); ++at) {
        if (arguments_[at].starts_with("--config=")) return after(arguments_[at], "--config=");
        if (arguments_[at] == "--config" && at + 1 < arguments_.size()) return arguments_[at + 1];
    }
    return {};
}

/// An empty variable, or `--flag=` with nothing behind it, which the parser would both pass over.
std::string CommandLine::empty_value() const {
    for (const std::string& argument : arguments_) {
        if (argument == "--") break;
        const auto equals = argument.find('=');
        if (argument.starts_with("--") && equals != std::string::npos &&
            equals + 1 == argument.size()) {
            return argument.substr(0, equals) + " is empty (leave it out, or give it a value)";
        }
    }
    for (const CLI::App* const app : asked()) {
        for (const CLI::Option* const option : app->get_options()) {
            const std::string variable = variable_of(*app, *option);
            if (variable.empty() || option->count() > 0 || !wants_value(*option)) continue;
            const char* const value = std::getenv(variable.c_str());
            if (value != nullptr && *value == '\0') {
                return variable + " is empty (unset it, or give it a value)";
            }
        }
    }
    return {};
}

/// Where the value of an option came from, as errors name it: `--threads`, `QCK_THREADS`,
/// `qck.toml:3: threads`.
std::string CommandLine::origin_of(const CLI::Option& option, const std::string& command) const {
    const std::string flag = option.get_name();
    if (option.get_lnames().empty() || is_given(flag)) return flag;
    const std::string& name = option.get_lnames().front();
    const auto place = config_.place_of(command.empty() ? name : command + "." + name);
    if (!place.empty()) return place + ": " + name;
    const std::string& variable = option.get_envname();
    return !variable.empty() && std::getenv(variable.c_str()) != nullptr ? variable : flag;
}

/// `FILE:3: name` of an option of any command: the file is judged whole.
std::string CommandLine::find_config_value(const std::string& option) const {
    std::vector<std::pair<const CLI::App*, std::string>> left{{&app_, ""}};
    while (!left.empty()) {
        const auto [app, command] = left.back();
        left.pop_back();
        const auto name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
        const auto place = config_.place_of(command + name);
        if (!place.empty() && app->get_option_no_throw(option) != nullptr)
            return place + ": " + name;
        for (const CLI::App* const next :
             app->get_subcommands([](const CLI::App*) { return true; })) {
            left.emplace_back(next, command + next->get_name() + ".");
        }
    }
    return option;
}

/// Puts the origin of the value in the place of the option that the message begins with.
std::string CommandLine::with_origin(std::string message) const {
    const auto colon = message.find(": ");
    if (colon == std::string::npos) return message;
    const std::string name = message.substr(0, colon);
    const std::string why = message.substr(colon + 2);
    std::string command;
    for (const CLI::App* const app : asked()) {
        if (app != &app_) command += (command.empty() ? "" : ".") + app->get_name();
        const CLI::Option* const option = app->get_option_no_throw(name);
        if (option == nullptr) continue;
        // `code: code "a b" refused` says it twice.
        if (why.starts_with(name + " ")) return why;
        const std::string origin = origin_of(*option, command);
        // Neither typed nor set: the file has it, for another command.
        if (origin == name && name.starts_with("--") && !is_given(name)) break;
        return origin + (why.starts_with("is ") || why.starts_with("wants ") ? " " : ": ") + why;
    }
    return find_config_value(name) + (why.starts_with("is ") ? " " : ": ") + why;
}

std::string CommandLine::unexpected() const {
    const auto rest = app_.remaining(true);
    std::string word = rest.empty() ? "" : rest.front();
    bool is_flag = false;
    for (const std::string& argument : arguments_) {
        if (std::find(rest.begin(), rest.end(), argument) == rest.end()) continue;
        word = argument;
        is_flag = word.starts_with('-') && word.size() > 1;
        if (is_flag) break;
    }
    if (!is_flag) return "'" + word + "' was not expected (" + path() + " --help)";
    word = word.substr(0, word.find('='));
    std::vector<std::string> flags;
    for (const CLI::App* const app : asked()) {
        for (const CLI::Option* const option : app->get_options()) {
            for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
        }
    }
    if (std::find(flags.begin(), flags.end(), word) != flags.end()) {
        return word + " goes behind the command: " + path() + " " + word;
    }
    const std::string meant = nearest_word(word, flags);
    return word + " is no flag of " + path() +
           (meant.empty() ? " (" + path() + " --help)" : " (did you mean " + meant + "?)");
}

/// What the parser reports as "a subcommand is required", in the words of who typed it.
std::string CommandLine::missing_command() const {
    const CLI::App* const at = asked().back();
    std::vector<std::string> names;
    for (const CLI::App* const command :
         at->get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    // What was typed as one: the word that is nearest to a command, or else the first that is none.
    std::string word;
    std::string meant;
    for (const std::string& rest : app_.remaining(true)) {
        if (rest.empty() || rest[0] == '-') continue;
        const std::string near = nearest_word(rest, names);
        if (!word.empty() && near.empty()) continue;
        if (word.empty() || meant.empty()) {
            word = rest;
            meant = near;
        }
    }
    if (!meant.empty()) {
        return "'" + word + "' is not a command of " + path() + " (did you mean " + meant + "?)";
    }
    std::string text =
        word.empty() ? "which command? There are:" : "'" + word + "' is not a command; there are:";
    for (const std::string& name : names) text += " " + name;
    return text + " (" + path() + " --help)";
}

/// The parser says "INI was not able to parse serve.thread", and "nosuch.++" of a section.
std::string CommandLine::config_complaint(std::string text) const {
    const std::string begins = "INI was not able to parse ";
    if (!text.starts_with(begins)) return "--config: " + text;
    text.erase(0, begins.size());
    const auto section = text.rfind(".++");
    if (section != std::string::npos) text.erase(section);
    const auto place =
        section == std::string::npos ? config_.place_of(text) : config_.place_of_section(text);
    return (place.empty() ? "--config" : place) + ": '" + text + "' is no " +
           (section == std::string::npos ? "option of any command" : "command") +
           " (sections and names are those of the flags)";
}

std::string CommandLine::words_of(const CLI::ParseError& error) const {
    const std::string text = error.what();
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return unexpected();
    if (dynamic_cast<const CLI::ConfigError*>(&error) != nullptr) return config_complaint(text);
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        // A flag that is spelt wrong is why the right one is missing.
        const auto rest = app_.remaining(true);
        const bool has_flag = std::any_of(rest.begin(), rest.end(), [](const std::string& word) {
            return word.size() > 1 && word.starts_with('-');
        });
        const bool missing_flag = text.find("subcommand") == std::string::npos;
        if (has_flag && missing_flag) return unexpected();
        return text.find("subcommand") == std::string::npos ? text : missing_command();
    }
    if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
        const auto middle = text.find(" excludes ");
        return text.substr(0, middle) + " and " + text.substr(middle + 10) + " exclude each other";
    }
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        const std::string name = text.substr(0, text.find(": "));
        return with_origin(name + (text.find("At Most") != std::string::npos
                                       ? ": is given more than once"
                                       : ": wants a value"));
    }
    // Only flags that are on or off are converted by the parser itself.
    const std::string begins = "Could not convert: ";
    if (text.starts_with(begins)) {
        const auto equals = text.find(" = ");
        return with_origin(text.substr(begins.size(), equals - begins.size()) + ": '" +
                           text.substr(equals + 3) + "' is not true or false");
    }
    return with_origin(text);
}

std::optional<Exit> CommandLine::parse() {
    const auto refuse = [this](const std::string& why) {
        std::fprintf(stderr, "%s: %s\n", path().c_str(), why.c_str());
        return Exit::usage;
    };
    Result<ConfigLines> lines = ConfigLines();
    if (const std::string file = config_file(); !file.empty()) {
        const auto text = read_whole_file(file, config_bytes_max);
        lines = text ? ConfigLines::scan(file, *text)
                     : error(text.error().code, "--config: " + text.error().message);
        if (lines) config_ = *lines;
    }
    try {
        app_.parse(std::vector<std::string>(arguments_.rbegin(), arguments_.rend()));
    } catch (const CLI::Success& asked_for_help) {
        return static_cast<Exit>(app_.exit(asked_for_help));
    } catch (const CLI::ParseError& error) {
        if (!lines) return refuse(lines.error().message);
        const std::string empty = empty_value();
        return refuse(empty.empty() ? words_of(error) : empty);
    } catch (const std::ios_base::failure&) {
        // A directory, for one, can be opened and not be read.
        if (lines) throw;
    }
    if (!lines) return refuse(lines.error().message);
    if (const std::string empty = empty_value(); !empty.empty()) return refuse(empty);
    for (const std::string& unknown : unknown_variables(app_, environ)) {
        std::fprintf(stderr, "%s: %s\n", path().c_str(), unknown.c_str());
    }
    return std::nullopt;
}

}  // namespace qck::cli
