#include "cli/commands/popular_links.hpp"

#include <charconv>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/whole_file.hpp"
#include "cli/commands/csv_reader.hpp"

namespace qck::commands {
namespace {

constexpr std::size_t popular_max = 10'000;

using Known = std::map<std::string, links::Link>;

/// What an earlier start learnt from the store; whatever is wrong with it is as if it were not
/// there.
Known read_known(const std::filesystem::path& file) {
    Known known;
    std::ifstream in(file);
    const auto json = nlohmann::json::parse(in, nullptr, false);
    if (!json.is_array()) return known;
    try {
        for (const auto& item : json) {
            links::Link link;
            link.id = item.at("id").get<std::uint64_t>();
            link.code = item.at("code").get<std::string>();
            link.target = item.at("url").get<std::string>();
            link.status = item.at("status").get<std::uint16_t>();
            link.version = item.at("version").get<std::uint64_t>();
            if (item.contains("max_age")) link.max_age_s = item["max_age"].get<std::uint32_t>();
            if (item.contains("expires_at_ms"))
                link.expires_at_ms = item["expires_at_ms"].get<std::int64_t>();
            known[link.code] = std::move(link);
        }
    } catch (const nlohmann::json::exception&) {
        known.clear();
    }
    return known;
}

void write_known(const std::filesystem::path& file, const std::vector<links::Link>& links) {
    auto json = nlohmann::json::array();
    for (const auto& link : links) {
        nlohmann::json item{{"id", link.id},
                            {"code", link.code},
                            {"url", link.target},
                            {"status", link.status},
                            {"version", link.version}};
        if (link.max_age_s) item["max_age"] = *link.max_age_s;
        if (link.expires_at_ms) item["expires_at_ms"] = *link.expires_at_ms;
        json.push_back(std::move(item));
    }
    if (const auto written = write_whole_file(file.string(), json.dump() + "\n"); !written) {
        log::warn("popular_links_not_kept", {{"error", written.error().message}});
    }
}

Result<void> check_line(const std::vector<std::string>& cells, const links::LinkRules& rules) {
    if (auto checked = links::check_code(cells[0]); !checked) return checked.error();
    if (cells.size() > 3) return error(Errc::invalid_argument, "expected CODE[,URL[,STATUS]]");
    if (cells.size() == 1 || cells[1].empty()) return {};
    links::LinkDraft draft;
    draft.code = cells[0];
    draft.target = cells[1];
    if (cells.size() == 3 && !cells[2].empty()) {
        std::int64_t status = 0;
        const char* const end = cells[2].data() + cells[2].size();
        const auto parsed = std::from_chars(cells[2].data(), end, status);
        if (parsed.ec != std::errc{} || parsed.ptr != end) status = 0;
        draft.status = status;
    }
    const auto link = links::link_from(std::move(draft), rules, wall_ms());
    if (!link) return link.error();
    return {};
}

/// The store's word on a code, or what an earlier start heard of it; empty when neither knows it:
/// without its id its clicks would be counted for nobody.
Result<std::optional<links::Link>> resolve(const std::vector<std::string>& cells,
                                           const Known& known, links::LinkStore& store,
                                           const links::LinkRules& rules, bool& store_answers) {
    if (const auto checked = check_line(cells, rules); !checked) return checked.error();
    if (store_answers) {
        auto found = store.find(cells[0]);
        if (found) return found;
        store_answers = false;
        log::warn("popular_links_unchecked", {{"error", found.error().message}});
    }
    const auto before = known.find(cells[0]);
    if (before == known.end()) return std::optional<links::Link>();
    return std::optional(before->second);
}

}  // namespace

Result<std::vector<links::Link>> load_popular_links(const std::filesystem::path& file,
                                                    const std::filesystem::path& known_file,
                                                    links::LinkStore& store,
                                                    const links::LinkRules& rules) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return error(Errc::invalid_argument, "--popular: cannot read " + file.string());
    const Known known = read_known(known_file);
    CsvReader reader(in);
    std::vector<links::Link> all;
    std::set<std::string> seen;
    bool store_answers = true;
    std::vector<std::string> cells;
    while (true) {
        const auto more = reader.next(cells);
        const auto at_line = [&](const Error& wrong) {
            return error(wrong.code, file.string() + ":" + std::to_string(reader.line()) + ": " +
                                         wrong.message);
        };
        if (!more) return at_line(more.error());
        if (!*more) break;
        if (cells[0].starts_with('#')) continue;
        if (!seen.insert(cells[0]).second) {
            return at_line(error(Errc::invalid_argument, cells[0] + " is here twice"));
        }
        if (all.size() == popular_max) {
            return at_line(error(Errc::invalid_argument, "more than 10,000 popular links"));
        }
        auto link = resolve(cells, known, store, rules, store_answers);
        if (!link) return at_line(link.error());
        if (*link) {
            all.push_back(std::move(**link));
            continue;
        }
        log::warn("popular_link_skipped",
                  {{"code", cells[0]},
                   {"at", file.string() + ":" + std::to_string(reader.line())},
                   {"why", store_answers ? "there is no such link (add it with `qck links add`)"
                                         : "the link store does not answer, and no earlier start "
                                           "of this data directory has seen the link"}});
    }
    if (store_answers) write_known(known_file, all);
    return all;
}

}  // namespace qck::commands
