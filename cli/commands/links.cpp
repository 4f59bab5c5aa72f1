#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "cli/commands/code_option.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/links_connection.hpp"
#include "cli/commands/links_import.hpp"
#include "cli/commands/options.hpp"
#include "cli/render/table.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

/// The flags of add and edit. What a link may be is the service's to judge; here only the types
/// are.
struct LinkFlags {
    std::string code;
    std::string url;
    std::optional<std::int64_t> status;
    std::optional<std::int64_t> max_age_s;
    std::string expires_at;
    bool no_max_age = false;
    bool no_expiry = false;
    std::optional<std::int64_t> if_version;

    Json to_json() const {
        Json json = Json::object();
        if (!url.empty()) json["url"] = url;
        if (status) json["status"] = *status;
        if (max_age_s) json["max_age"] = *max_age_s;
        if (no_max_age) json["max_age"] = nullptr;
        if (!expires_at.empty()) json["expires_at"] = expires_at;
        if (no_expiry) json["expires_at"] = nullptr;
        if (if_version) json["version"] = *if_version;
        return json;
    }
};

struct ListOptions {
    std::uint32_t limit = 20;
    std::string after;
    bool all = false;
};

/// Everything the parser fills; lives as long as the program's choice does.
struct LinksOptions {
    LinksConnection connection;
    LinkFlags flags;
    std::vector<std::string> codes;
    ListOptions list;
    ImportOptions import;
    ExportOptions export_;
};

std::string text_of(const Json& value) {
    if (value.is_null()) return "-";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

constexpr const char* links_path = "/v1/links/";

Json parsed(const std::string& body) { return Json::parse(body, nullptr, false); }

void print_link(const Json& link) {
    for (const auto& [name, value] : link.items()) {
        std::printf("%-10s  %s\n", name.c_str(), text_of(value).c_str());
    }
}

/// Shows the one link that an answer holds.
Exit show_link(const LinksOptions& options, const std::string& command,
               const Result<client::RestAnswer>& answer) {
    if (!answer) return links_failed(command, answer.error());
    const auto link = parsed(answer->body);
    if (options.connection.json) {
        std::fputs(answer->body.c_str(), stdout);
    } else if (link.is_object()) {
        print_link(link);
    }
    return Exit::good;
}

Exit run_add(const LinksOptions& options) {
    auto json = options.flags.to_json();
    if (!options.flags.code.empty()) json["code"] = options.flags.code;
    // Bytes of the command line may be no UTF-8; what replaces them is refused by the service.
    const auto body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return show_link(options, "add",
                     options.connection.open("add").call("POST", "/v1/links", body));
}

Exit run_get(const LinksOptions& options) {
    return show_link(
        options, "get",
        options.connection.open("get").call("GET", links_path + options.codes.front()));
}

Exit run_stats(const LinksOptions& options) {
    const auto answer =
        options.connection.open("stats").call("GET", links_path + options.codes.front() + "/stats");
    if (!answer) return links_failed("stats", answer.error());
    const auto stats = parsed(answer->body);
    if (options.connection.json || !stats.is_object()) {
        std::fputs(answer->body.c_str(), stdout);
        return Exit::good;
    }
    for (const char* const name : {"code", "clicks", "of"}) {
        std::printf("%-10s  %s\n", name, text_of(stats.value(name, Json())).c_str());
    }
    const auto by_class = stats.value("by_class", Json::object());
    for (const auto& [name, count] : by_class.items()) {
        if (count != 0) std::printf("%-10s  %s\n", name.c_str(), text_of(count).c_str());
    }
    if (!stats.contains("uniques")) return Exit::good;
    const auto& uniques = stats["uniques"];
    if (uniques.is_null()) {
        std::puts("visitors    not known now: the store that counts them does not answer");
        return Exit::good;
    }
    std::printf("visitors    about %s in 7 days (standard error %.2f %%, %s)\n",
                text_of(uniques["visitors"]).c_str(), 100 * uniques.value("error", 0.0),
                text_of(uniques["of"]).c_str());
    for (const auto& day : uniques["days"]) {
        std::printf("%-10s  %s\n", text_of(day["day"]).c_str(), text_of(day["visitors"]).c_str());
    }
    return Exit::good;
}

Exit run_edit(const LinksOptions& options) {
    const auto json = options.flags.to_json();
    const auto body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return show_link(
        options, "edit",
        options.connection.open("edit").call("PATCH", links_path + options.codes.front(), body));
}

Exit run_rm(const LinksOptions& options) {
    auto client = options.connection.open("rm");
    Exit exit = Exit::good;
    Json removed = Json::array();
    for (const auto& code : options.codes) {
        const auto answer = client.call("DELETE", links_path + code);
        if (answer) {
            if (!options.connection.json) std::printf("removed %s\n", code.c_str());
            removed.push_back(code);
            continue;
        }
        exit = links_failed("rm", answer.error());
        if (exit != Exit::check_failed) break;  // the others would fail alike
    }
    if (options.connection.json) std::printf("%s\n", Json{{"removed", removed}}.dump().c_str());
    return exit;
}

void print_table(const Json& links) {
    using Align = render::Table::Align;
    render::Table table({{"CODE", Align::left, false},
                         {"TARGET", Align::left, true},
                         {"STATUS", Align::right, false},
                         {"MAX-AGE", Align::right, false},
                         {"EXPIRES", Align::left, false}});
    for (const auto& link : links) {
        table.add({text_of(link["code"]), text_of(link["url"]), text_of(link["status"]),
                   text_of(link["max_age"]), text_of(link["expires_at"])});
    }
    std::fputs(table.text(render::terminal_width(STDOUT_FILENO)).c_str(), stdout);
}

/// One page after another; with --all until there is none. Each page is printed as it comes.
Exit run_list(const LinksOptions& options) {
    auto client = options.connection.open("list");
    auto after = options.list.after;
    const auto limit = options.list.all ? 1000U : options.list.limit;
    bool first = true;
    while (true) {
        std::string target = "/v1/links?limit=" + std::to_string(limit);
        if (!after.empty()) target += "&after=" + after;
        const auto answer = client.call("GET", target);
        if (!answer) return links_failed("list", answer.error());
        auto page = parsed(answer->body);
        if (!page.is_object() || !page.contains("links") || !page.contains("next")) {
            return links_failed(
                "list", error(Errc::unavailable, "the service's answer is no page of links"));
        }
        const bool more = page["next"].is_string();
        if (options.connection.json) {
            if (!options.list.all) {
                std::fputs(answer->body.c_str(), stdout);
                return Exit::good;
            }
            std::fputs(first ? "{\"links\":[" : ",", stdout);
            const auto items = page["links"].dump();
            std::fputs(items.substr(1, items.size() - 2).c_str(), stdout);
            if (!more) std::puts("],\"next\":null}");
        } else {
            print_table(page["links"]);
            if (more && !options.list.all) {
                std::fprintf(stderr, "there are more: --after %s, or --all\n",
                             text_of(page["next"]).c_str());
            }
        }
        if (!more || !options.list.all) return Exit::good;
        after = page["next"].get<std::string>();
        first = false;
    }
}

/// What to do once the whole command line is parsed.
void choose(CLI::App* command, const std::shared_ptr<LinksOptions>& options, Chosen& chosen,
            Exit (*run)(const LinksOptions&)) {
    command->callback(
        [options, &chosen, run] { chosen = [options, run] { return run(*options); }; });
}

void add_link_flags(CLI::App* command, LinkFlags& flags) {
    add_parsed(*command, "--status", flags.status, whole_number<std::int64_t>(0, 999),
               "Redirect with 301, 302, 307 or 308", "STATUS");
    add_parsed(*command, "--max-age", flags.max_age_s, whole_number<std::int64_t>(0),
               "Seconds that caches may keep the redirect", "SECONDS");
    command
        ->add_option("--expires", flags.expires_at,
                     "From then on 410 Gone, e.g. 2026-12-31T23:59:59Z")
        ->type_name("TIME");
}

void add_single_link_commands(CLI::App* links, const std::shared_ptr<LinksOptions>& options,
                              Chosen& chosen) {
    auto* add = links->add_subcommand("add", "Create a link");
    add->add_option("url", options->flags.url, "Where it leads (http or https)")->required();
    add->add_option("--code", options->flags.code,
                    "Short code: A-Z a-z 0-9 _ - (a random one when left out)");
    add_link_flags(add, options->flags);
    choose(add, options, chosen, run_add);

    auto* get = links->add_subcommand("get", "Show a link");
    add_code(*get, options->codes, "Its short code")->required()->expected(1);
    choose(get, options, chosen, run_get);

    auto* stats = links->add_subcommand("stats", "Clicks of a link by class, and visitors by day");
    add_code(*stats, options->codes, "Its short code")->required()->expected(1);
    choose(stats, options, chosen, run_stats);

    auto* edit = links->add_subcommand("edit", "Change a link");
    add_code(*edit, options->codes, "Its short code")->required()->expected(1);
    edit->add_option("--url", options->flags.url, "Where it leads from now on");
    add_link_flags(edit, options->flags);
    edit->add_flag("--no-max-age", options->flags.no_max_age, "Caches ask every time again")
        ->excludes("--max-age");
    edit->add_flag("--no-expires", options->flags.no_expiry, "It expires no more")
        ->excludes("--expires");
    add_parsed(*edit, "--if-version", options->flags.if_version, whole_number<std::int64_t>(1),
               "Only if the link still has this version", "VERSION");
    choose(edit, options, chosen, run_edit);

    auto* rm = links->add_subcommand("rm", "Remove links");
    add_code(*rm, options->codes, "Their short codes")->required();
    choose(rm, options, chosen, run_rm);
}

void add_many_links_commands(CLI::App* links, const std::shared_ptr<LinksOptions>& options,
                             Chosen& chosen) {
    auto* list = links->add_subcommand("list", "Show links by code");
    add_parsed(*list, "--limit", options->list.limit, whole_number(1U, 1000U), "So many (20)", "N");
    list->add_option("--after", options->list.after, "Only codes after this one")
        ->check(code_check());
    list->add_flag("--all", options->list.all, "All there are")->excludes("--limit");
    choose(list, options, chosen, run_list);

    auto* import = links->add_subcommand(
        "import",
        "Create the links of a CSV or NDJSON file, in its order. The first line that is refused "
        "ends "
        "it: lines before are stored, none after; correct it and go on with --from-line");
    import->add_option("file", options->import.file, "The file; - for stdin")->required();
    add_parsed(*import, "--from-line", options->import.from_line, whole_number(std::uint64_t{1}),
               "Skip records that begin before", "LINE");
    import->add_flag("--keep-expired", options->import.keep_expired,
                     "Take links that have expired already");
    add_parsed(*import, "--format", options->import.format, parse_record_format,
               "csv (a header row names code, url, status, max_age, expires_at) or ndjson",
               "FORMAT");
    choose(import, options, chosen,
           [](const LinksOptions& all) { return run_import(all.connection, all.import); });

    auto* export_ = links->add_subcommand("export", "Write all links as import reads them");
    export_
        ->add_option("--out", options->export_.file, "Into this file (stdout when left out, or -)")
        ->type_name("FILE");
    add_parsed(*export_, "--format", options->export_.format, parse_record_format,
               "csv or ndjson (by the file's name, else csv)", "FORMAT");
    choose(export_, options, chosen,
           [](const LinksOptions& all) { return run_export(all.connection, all.export_); });
}

}  // namespace

void add_links(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<LinksOptions>();
    auto* links = app.add_subcommand("links", "Manage short links through the API of a service");
    links->require_subcommand(1);
    links->fallthrough();
    options->connection.service = *client::parse_service_url("http://127.0.0.1:8081");
    add_parsed(
        *links, "--api", options->connection.service,
        [](std::string_view text) { return client::parse_service_url(text); },
        "The service's API (http://127.0.0.1:8081)", "URL");
    links->add_option("--token", options->connection.token,
                      "Bearer token of the API (better: QCK_TOKEN)");
    add_parsed(*links, "--ca", options->connection.ca_file, readable_file,
               "PEM file of the authorities to trust for its TLS", "FILE");
    links->add_flag("--json", options->connection.json, "Print JSON");
    add_single_link_commands(links, options, chosen);
    add_many_links_commands(links, options, chosen);
}

}  // namespace qck::commands
