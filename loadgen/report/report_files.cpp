#include <filesystem>

#include "base/whole_file.hpp"
#include "loadgen/report/exports.hpp"
#include "loadgen/report/report_html.hpp"
#include "loadgen/report/report_json.hpp"

namespace qck::report {
namespace {

/// A run of an hour with a tail of 1,000,000 links has some 10 MB.
constexpr std::size_t report_bytes_max = std::size_t{256} * 1024 * 1024;

}  // namespace

Result<Report> read_report(const std::string& run) {
    std::error_code failure;
    std::string path = run;
    if (std::filesystem::is_directory(run, failure)) {
        path = (std::filesystem::path(run) / "report.json").string();
    }
    if (!std::filesystem::exists(path, failure)) {
        return error(Errc::not_found,
                     path + ": no such report (RUN is the directory of a run, or its report.json)");
    }
    const auto text = read_whole_file(path, report_bytes_max);
    if (!text) return text.error();
    return from_json(*text, path);
}

Result<void> write_report(const Report& report, const std::string& directory) {
    std::error_code failure;
    std::filesystem::create_directories(directory, failure);
    if (failure) {
        return io_error("cannot make directory " + directory, failure.value());
    }
    const std::filesystem::path base(directory);
    if (auto done = write_whole_file((base / "report.json").string(), to_json(report)); !done) {
        return done;
    }
    return write_whole_file((base / "report.html").string(), to_html(report));
}

Result<void> write_exports(const Report& report, const std::string& directory) {
    const std::filesystem::path base(directory);
    auto done = write_whole_file((base / "series.csv").string(), to_csv(report));
    if (!done) return done;
    return write_whole_file((base / "junit.xml").string(), to_junit(report));
}

Result<void> write_hgrm(const record::RunResult& run, const std::string& directory) {
    stats::Histogram latency;
    stats::Histogram service;
    for (const record::PhaseResult& phase : run.phases) {
        latency.add(phase.latency);
        service.add(phase.service);
    }
    const std::filesystem::path base(directory);
    auto done = write_whole_file((base / "latency.hgrm").string(), stats::to_hgrm(latency));
    if (!done) return done;
    return write_whole_file((base / "service.hgrm").string(), stats::to_hgrm(service));
}

}  // namespace qck::report
