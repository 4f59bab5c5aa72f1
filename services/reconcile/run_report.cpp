#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "services/reconcile/compare.hpp"

namespace qck::reconcile {

Result<RunReport> read_run_report(const std::filesystem::path& dir) {
    const auto file = dir / "report.json";
    std::ifstream in(file, std::ios::binary);
    if (!in) return error(Errc::not_found, "there is no " + file.string());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const auto wrong = [&](const std::string& why) {
        return error(Errc::invalid_argument, file.string() + ": " + why);
    };
    try {
        const auto json = nlohmann::json::parse(text);
        if (!json.is_object()) return wrong("expected the report of a run");
        if (!json.contains("links") || !json["links"].is_object()) {
            return wrong("its answers are not kept by link (an older qck made it)");
        }
        if (json.value("target_note", std::string()).starts_with("embedded")) {
            return wrong(
                "the run asked a service of its own (--serve), whose counts were compared "
                "at its end: not this one");
        }
        RunReport report;
        const auto& links = json["links"];
        report.unknown = links.at("unknown").get<std::uint64_t>();
        report.answered = report.unknown;
        const auto add = [&report](std::string code, std::uint64_t answered) {
            if (answered == 0) return;
            report.answered += answered;
            report.by_code.emplace_back(std::move(code), answered);
        };
        const auto& hot = links.at("hot");
        add(hot.at("code").get<std::string>(), hot.at("answered").get<std::uint64_t>());
        const auto& tail = links.at("tail");
        const auto prefix = tail.at("prefix").get<std::string>();
        std::uint64_t rank = 0;
        for (const auto& answered : tail.at("answered")) {
            add(prefix + std::to_string(++rank), answered.get<std::uint64_t>());
        }
        if (report.answered == 0) {
            return wrong("no answer of this run was the redirect of a link: nothing to compare");
        }
        return report;
    } catch (const nlohmann::json::exception& failure) {
        return wrong(failure.what());
    }
}

}  // namespace qck::reconcile
