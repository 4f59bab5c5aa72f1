#include "cli/commands/report_runs.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/stats/rank_test.hpp"
#include "base/whole_file.hpp"

namespace qck::commands {
namespace {

constexpr const char* search_file = "search.json";
constexpr const char* report_file = "report.json";
constexpr std::size_t search_bytes_max = 64 * 1024 * 1024;

bool is_there(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

}  // namespace

std::vector<std::string> runs_in(const std::string& path) {
    const std::filesystem::path directory(path);
    std::vector<std::string> runs;
    if (!is_there(directory / report_file)) {
        for (std::size_t at = 1; at <= stats::rank_sample_max; ++at) {
            const auto run = directory / std::to_string(at);
            if (!is_there(run / report_file)) break;
            runs.push_back(run.string());
        }
    }
    if (runs.empty()) runs.push_back(path);
    return runs;
}

Result<std::optional<SearchResult>> read_search(const std::string& path) {
    std::filesystem::path file(path);
    if (file.filename() != search_file) file /= search_file;
    if (!is_there(file)) return std::optional<SearchResult>();
    const auto text = read_whole_file(file.string(), search_bytes_max);
    if (!text) return text.error();
    try {
        const auto document = nlohmann::json::parse(*text);
        const auto& result = document.at("result");
        SearchResult search;
        search.target = document.at("target");
        search.conclusion = result.at("conclusion");
        search.advice = result.at("advice");
        const std::string status = result.at("status");
        search.found = status == "found" || status == "reaches_limit";
        search.has_run = is_there(file.parent_path() / report_file);
        return std::optional(std::move(search));
    } catch (const nlohmann::json::exception&) {
        return error(Errc::corrupt, file.string() + ": is no report of a search");
    }
}

}  // namespace qck::commands
