#include "cli/commands/bench_count.hpp"

#include <memory>
#include <string>
#include <utility>

#include "cli/client/wait_notice.hpp"

namespace qck::commands {
namespace {

/// Says what is waited for, to whom wants to hear.
std::unique_ptr<client::WaitNotice> notice_of(const BenchOptions& options,
                                              const std::string& for_what) {
    if (options.quiet) return nullptr;
    return std::make_unique<client::WaitNotice>("qck bench", for_what);
}

}  // namespace

Result<CountBefore> count_before(const BenchOptions& options, const InterruptWatch& interrupts) {
    CountBefore count;
    if (options.count_url.empty() && options.count_command.empty()) {
        if (options.count_pointer.empty()) return count;
        return error(Errc::invalid_argument,
                     "--count-pointer: needs --count-url or --count-cmd to look into");
    }
    auto source = CountSource::make(options, interrupts);
    if (!source) return source.error();
    const auto notice =
        notice_of(options, "the target's own count to stand still, by " + source->name());
    const auto clicks = calm_count(*source, options.count_within);
    if (!clicks) return clicks.error();
    count.source.emplace(std::move(*source));
    count.clicks = *clicks;
    return count;
}

void compare_count(CountBefore& before, const BenchOptions& options, const record::RunResult& run,
                   const std::optional<Calibration>& calibration, report::Report& report) {
    if (!before.source) return;
    ExpectedCount expected;
    if (calibration) expected = calibration->counts;
    expected.add(run);
    if (report.visible) {
        expected.answered += report.visible->clicks;
        expected.unknown += report.visible->unanswered;
    }
    const auto notice =
        notice_of(options, "the target's own count to have all, by " + before.source->name());
    auto count = settle_count(*before.source, before.clicks, expected, options.count_within);
    if (count) {
        report.target_count = std::move(*count);
    } else if (report.reconcile_failure.empty()) {
        report.reconcile_failure = count.error().message;
    }
}

}  // namespace qck::commands
