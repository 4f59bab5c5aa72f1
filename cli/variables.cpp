#include "cli/variables.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/nearest_word.hpp"

namespace qck::cli {
namespace {

/// Read by tests and scripts, and those of flags that are none of the environment's.
constexpr std::array<std::string_view, 12> other_names{"QCK_BENCH_LINKS", "QCK_CLICKHOUSE_SERVER",
                                                       "QCK_CONFIG",      "QCK_COORDINATOR",
                                                       "QCK_HELP",        "QCK_HISTORIES",
                                                       "QCK_KILLS",       "QCK_PROGRAM",
                                                       "QCK_REPAIRS",     "QCK_SEED",
                                                       "QCK_TEST_SEED",   "QCK_VERSION"};

void add_names(const CLI::App& app, std::vector<std::string>& names) {
    for (const CLI::Option* const option : app.get_options()) {
        auto name = variable_of(app, *option);
        if (!name.empty()) names.push_back(std::move(name));
    }
    for (const CLI::App* const command :
         app.get_subcommands([](const CLI::App*) { return true; })) {
        add_names(*command, names);
    }
}

/// `QCK_SERVICE_HOST`, `QCK_PORT_8080_TCP_ADDR`: of a service of a cluster (Kubernetes
/// documentation, "Accessing the Service", environment variables).
bool is_of_kubernetes(std::string_view name) {
    return name.ends_with("_PORT") || name.find("_PORT_") != std::string_view::npos ||
           name.ends_with("_SERVICE_HOST");
}

}  // namespace

std::string variable_of(const CLI::App& command, const CLI::Option& option) {
    if (option.get_lnames().empty()) return {};
    const std::string& flag = option.get_lnames().front();
    if (flag == "help" || flag == "version" || flag == "config") return {};
    const CLI::App* const parent = command.get_parent();
    if (flag == "out" && (parent == nullptr || parent->get_name() != "bench")) return {};
    std::string name = "QCK_";
    for (const char c : flag) {
        name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return name;
}

std::vector<std::string> unknown_variables(const CLI::App& app, char** environment) {
    std::vector<std::string> names;
    add_names(app, names);
    std::vector<std::string> complaints;
    for (; *environment != nullptr; ++environment) {
        const std::string_view entry(*environment);
        const std::string name(entry.substr(0, entry.find('=')));
        if (!name.starts_with("QCK_") || is_of_kubernetes(name)) continue;
        const auto is_this = [&](std::string_view known) { return known == name; };
        if (std::any_of(names.begin(), names.end(), is_this) ||
            std::any_of(other_names.begin(), other_names.end(), is_this)) {
            continue;
        }
        const std::string meant = nearest_word(name, names);
        complaints.push_back(
            name + " is no variable of qck" +
            (meant.empty() ? ", and does nothing" : " (did you mean " + meant + "?)"));
    }
    return complaints;
}

}  // namespace qck::cli
