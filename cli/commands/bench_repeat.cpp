#include "cli/commands/bench_repeat.hpp"

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include "cli/commands/bench_setup.hpp"

namespace qck::commands {
namespace {

constexpr const char* repeat_command = "qck bench";

Exit worse(Exit one, Exit other) {
    for (const Exit exit :
         {Exit::usage, Exit::could_not_run, Exit::run_invalid, Exit::check_failed}) {
        if (one == exit || other == exit) return exit;
    }
    return Exit::good;
}

/// Runs of before would be compared with those that are made now.
Result<void> check_unused(const std::string& directory) {
    for (std::uint32_t at = 1; at <= repeat_max; ++at) {
        const std::string run = directory + "/" + std::to_string(at);
        std::error_code ignored;
        if (!std::filesystem::exists(run, ignored)) continue;
        return error(Errc::invalid_argument,
                     "--out: " + run +
                         " is there already, of runs made before (name another "
                         "directory, or remove it)");
    }
    return {};
}

}  // namespace

Exit run_repeated(BenchOptions options, const InterruptWatch& interrupts,
                  const std::function<Exit(const BenchOptions&)>& run_once) {
    if (options.json) {
        return failed(repeat_command, error(Errc::invalid_argument,
                                            "--repeat: --json prints one report (leave it out, and "
                                            "read the report.json of each run)"));
    }
    if (options.out.empty()) {
        const auto plan = plan_of(options);
        if (!plan) return failed(repeat_command, plan.error());
        options.out = default_directory(*plan);
    }
    const std::string directory = options.out;
    if (auto unused = check_unused(directory); !unused) {
        return failed(repeat_command, unused.error());
    }
    Exit exit = Exit::good;
    for (std::uint32_t at = 1; at <= options.repeat && interrupts.count() == 0; ++at) {
        options.out = directory + "/" + std::to_string(at);
        if (at > 1 && !options.quiet) std::puts("");
        const Exit one = run_once(options);
        exit = worse(exit, one);
        // What cannot be run once cannot be run again either.
        if (one == Exit::usage || one == Exit::could_not_run) break;
    }
    return exit;
}

}  // namespace qck::commands
