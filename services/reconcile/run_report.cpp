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
        RunReport report;
        // A run without --serve reconciled nothing itself, but counted its answers all the same.
        if (json.contains("reconcile") && json["reconcile"].is_object()) {
            const auto& part = json["reconcile"];
            report.answered = part.at("answered").get<std::uint64_t>();
            if (part.contains("links")) {
                for (const auto& [code, count] : part["links"].items()) {
                    report.by_code.emplace_back(code, count.get<std::uint64_t>());
                }
            }
        } else {
            report.answered = json.at("accounting").at("answered").get<std::uint64_t>();
        }
        return report;
    } catch (const nlohmann::json::exception& failure) {
        return wrong(failure.what());
    }
}

}  // namespace qck::reconcile
