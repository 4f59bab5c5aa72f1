#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "cli/commands/admin_connection.hpp"
#include "cli/commands/code_option.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/options.hpp"
#include "cli/render/table.hpp"
#include "services/clicks/burst_detector.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* show_command = "qck mode show";
constexpr const char* set_command = "qck mode set";

struct ModeOptions {
    AdminConnection connection;
    std::string code;
    std::string mode;
};

const char* set_by(const Json& link) {
    if (link.value("local_only", false)) return "operator, here only";
    return link.value("forced", false) ? "operator" : "detector";
}

Exit show(const ModeOptions& options) {
    const auto answer = options.connection.open(show_command).call("GET", "/v1/mode");
    if (!answer) return refused(show_command, answer.error());
    if (options.connection.json) {
        std::fputs(answer->body.c_str(), stdout);
        return Exit::good;
    }
    const auto json = Json::parse(answer->body, nullptr, false);
    if (!json.is_object() || !json.contains("links")) {
        return refused(show_command, error(Errc::unavailable, "the answer is no list"));
    }
    if (json["links"].empty()) {
        std::printf("every link is normal\n");
        return Exit::good;
    }
    using Align = render::Table::Align;
    render::Table table({{"CODE", Align::left, true},
                         {"MODE"},
                         {"CLICKS/S", Align::right},
                         {"FOR", Align::right},
                         {"SET BY"}});
    for (const auto& link : json["links"]) {
        const auto code = link.value("code", std::string());
        const auto for_ms =
            std::max<std::int64_t>(0, wall_ms() - link.value("since_ms", std::int64_t{0}));
        table.add({code.empty() ? "id " + link.value("link_id", std::string()) : code,
                   link.value("mode", std::string()),
                   format_count(link.value("clicks_per_s", std::uint64_t{0})),
                   for_ms < 1000 ? "< 1 s" : format_duration(std::chrono::seconds(for_ms / 1000)),
                   set_by(link)});
    }
    std::fputs(table.text(render::terminal_width(STDOUT_FILENO)).c_str(), stdout);
    return Exit::good;
}

Exit set(const ModeOptions& options) {
    const auto answer =
        options.connection.open(set_command)
            .call("POST", "/v1/mode/" + options.code, Json{{"mode", options.mode}}.dump());
    if (!answer) return refused(set_command, answer.error());
    if (options.connection.json) {
        std::fputs(answer->body.c_str(), stdout);
        return Exit::good;
    }
    const auto json = Json::parse(answer->body, nullptr, false);
    if (!json.is_object()) {
        return refused(set_command, error(Errc::unavailable, "the answer is no object"));
    }
    const bool local = json.value("local_only", false);
    std::printf("%s is %s%s%s\n", options.code.c_str(), json.value("mode", "?").c_str(),
                options.mode == "auto" ? ", as the detector finds" : " until it is set to auto",
                local ? ", on this instance only" : "");
    if (local) {
        std::fprintf(stderr, "qck mode set: the other instances were not told: %s (set it again)\n",
                     json.value("why", std::string()).c_str());
    }
    return Exit::good;
}

}  // namespace

void add_mode(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<ModeOptions>();
    CLI::App* const command =
        app.add_subcommand("mode", "Show and set which links are treated as bursts");
    command->require_subcommand(1);
    options->connection.add_flags(*command);
    command->add_subcommand("show", "Links that are not normal, or were set")
        ->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
    CLI::App* const setter =
        command->add_subcommand("set", "Hold a link in a mode; auto gives it back to the detector");
    add_code(*setter, options->code, "The link")->required();
    setter->add_option("MODE", options->mode, "normal, elevated, burst or auto")
        ->check(CLI::Validator(
            [](const std::string& text) {
                const auto mode = clicks::parse_link_mode(text);
                return mode ? std::string() : mode.error().message;
            },
            "MODE"))
        ->required();
    setter->callback([options, &chosen] { chosen = [options] { return set(*options); }; });
}

}  // namespace qck::commands
